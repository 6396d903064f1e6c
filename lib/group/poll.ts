import { FULL_ACCESS } from '../acl/access.ts';
import { WadiError } from '../errors.ts';
import { randomUuid } from '../uuid.ts';
import { commitHeld } from './commit.ts';
import type { GroupContext } from './context.ts';
import { find, type Readable, readable } from './find.ts';
import { giveAgain } from './giveAgain.ts';
import type { MemberName, MemberState, PollRequest } from './groups.ts';
import { type Held, type Member, replaced, sameHeld } from './member.ts';
import { seen, tooBusy, writeMember } from './members.ts';
import { noneIfUnknown } from './noneIf.ts';
import { heartbeatIntervalMs, stateOf } from './state.ts';
import { sync } from './sync.ts';

/** See `Groups.poll`. */
export async function poll(
  context: GroupContext,
  name: MemberName,
  request: PollRequest,
): Promise<MemberState> {
  const { clock, limits } = context;
  const { idempotencyKey: key, signal, access = FULL_ACCESS } = request;
  const token = randomUuid(clock);
  const isRepeat = repeatOf(name, key);
  /** It has given already, as far as it knows: its write landed, and another of the member came behind it. */
  const isUnanswered = (member: Member) => isRepeat(member) || member.lastPoll.token === token;
  let deadlineMs: number | undefined;
  let caller: MemberName = name;

  for (let conflicts = 0; conflicts < limits.attempts; ) {
    const member = await sync(context, caller, { isRepeat: isUnanswered });
    const { config } = member;
    caller = member;
    if (member.subscription === undefined && member.held.length === 0) return stateOf(member);
    deadlineMs ??= clock.now() + (request.maxWaitMs ?? config.requestTimeoutMs);
    if (isUnanswered(member)) {
      const { after, isEmpty } = await giveAgain(context, member, request.page(config), access);
      const written = after && (await writeMember(context, member, seen(after, clock.now())));
      if (after !== undefined && written === undefined) {
        conflicts++;
        continue;
      }
      if (!isEmpty) return stateOf(written ?? member);
      if (isRepeat(member)) throw usedUp(name);
      if (written !== undefined) continue;
    }
    const { committed, commitMs } = await commitBefore(context, member);
    const partitions = await readable(context, member, access);
    const found = await find(context, member, partitions, request);
    // Nobody would get what it took.
    if (signal?.aborted) return stateOf(member);
    const isOver = clock.now() >= deadlineMs;
    const isEnough = found.bytes >= config.fetchMinBytes || found.isFull || isOver;
    const given = isEnough ? found : { ...found, ranges: [], moved: [] };
    const { ranges, moved } = given;
    const isSame = ranges.length + moved.length + committed.length === 0;
    const held = movedTo(replaced(member, committed).held, moved);
    const lastPoll =
      ranges.length > 0
        ? { token, key, ranges, earlierKeys: earlierKeys(member, key, limits.earlierKeys) }
        : member.lastPoll;
    const after = { ...member, held, lastPoll, autoCommitMs: commitMs };
    const written = isSame ? member : await writeMember(context, member, seen(after, clock.now()));
    if (written === undefined) conflicts++;
    else if (ranges.length > 0 || isOver) return stateOf(written);
    else if (moved.length === 0) {
      const untilMs = Math.min(deadlineMs, clock.now() + heartbeatIntervalMs(config));
      await waitForMore(context, partitions, untilMs, signal);
    }
  }
  throw tooBusy(name);
}

/**
 * Whether a member's last poll is this one, and its records are asked for again. Throws if the client has gone on without this
 * one, which was under way for long or came late: nobody would get what it took.
 */
function repeatOf(name: MemberName, key: string | undefined): (member: Member) => boolean {
  let first: { readonly key: string | undefined } | undefined;
  return ({ lastPoll }) => {
    if (key === undefined) return false;
    if (lastPoll.key === key) return true;
    first ??= { key: lastPoll.key };
    const isOld = [lastPoll.key, ...lastPoll.earlierKeys].some(
      (later) => key === later || isBefore(key, later),
    );
    if (lastPoll.key !== first.key || isOld) throw overtaken(name);
    return false;
  };
}

/** Those that a poll with this key makes earlier ones, as far as their order does not tell. */
function earlierKeys({ lastPoll }: Member, key: string | undefined, most: number): readonly string[] {
  const { key: last, earlierKeys } = lastPoll;
  if (last === undefined || (key !== undefined && isBefore(last, key))) return earlierKeys;
  return [last, ...earlierKeys].slice(0, most);
}

/** Of keys `<text>/<number>` with the same text. */
function isBefore(key: string, other: string | undefined): boolean {
  const [a, b] = [key, other ?? ''].map((each) => /^(.*)\/(\d{1,15})$/s.exec(each));
  return a != null && b != null && a[1] === b[1] && Number(a[2]) < Number(b[2]);
}

function overtaken({ groupId, name }: MemberName): WadiError {
  return wrongKey(`A later poll of '${name}' of group '${groupId}' has been answered`);
}

/** It must not give others: its answer may have arrived. */
function usedUp({ groupId, name }: MemberName): WadiError {
  return wrongKey(
    `Nothing of what a poll with this key gave to '${name}' of group '${groupId}' is there for it any more`,
  );
}

function wrongKey(message: string): WadiError {
  return new WadiError('INVALID_FETCH_SESSION_EPOCH', `${message}: go on with another key.`, {
    field: 'idempotency-key',
  });
}

function movedTo(held: readonly Held[], moved: readonly Held[]): Held[] {
  return held.map((each) => {
    const position = moved.find((other) => sameHeld(other, each))?.position;
    return position === undefined ? each : { ...each, position };
  });
}

/** Who asks for more has processed what the poll before has given. */
async function commitBefore(
  context: GroupContext,
  member: Member,
): Promise<{ committed: readonly Held[]; commitMs: number }> {
  const { enableAutoCommit, autoCommitIntervalMs } = member.config;
  const now = context.clock.now();
  const isDue = enableAutoCommit && Math.abs(now - member.autoCommitMs) >= autoCommitIntervalMs;
  if (!isDue) return { committed: [], commitMs: member.autoCommitMs };
  return { committed: await commitHeld(context, member, member.held, false), commitMs: now };
}

/** Waits until there may be more, in a partition that is read or in the group. */
async function waitForMore(
  context: GroupContext,
  partitions: readonly Readable[],
  untilMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { clock, limits, log } = context;
  const byTopic = new Map(partitions.map(({ topic }) => [topic.id, topic]));
  for (let pauseMs = limits.pollMs; ; pauseMs = Math.min(2 * pauseMs, limits.maxPollMs)) {
    const leftMs = untilMs - clock.now();
    if (leftMs <= 0 || signal?.aborted) return;
    const arrivals = new Set(partitions.map(({ topic, held }) => log.arrival(topic, held.partition)));
    const wakes = AbortSignal.any([...arrivals, ...(signal ? [signal] : [])]);
    await clock.sleep(Math.min(pauseMs, leftMs), wakes);
    for (const topic of byTopic.values()) {
      const some = partitions.filter((each) => each.topic.id === topic.id);
      const numbers = some.map(({ held }) => held.partition);
      const bounds = await log.boundsOf(topic, numbers).catch(noneIfUnknown);
      if (bounds === undefined) return;
      if (bounds.some(({ highWatermark }, i) => highWatermark > some[i]!.highWatermark)) return;
    }
  }
}
