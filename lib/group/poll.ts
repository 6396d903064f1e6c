import { atOnce } from '../atOnce.ts';
import { WadiError } from '../errors.ts';
import type { Topic } from '../topic/topic.ts';
import { isOf, startOf } from './claim.ts';
import { commitHeld } from './commit.ts';
import type { GroupContext } from './context.ts';
import type { MemberName, MemberState, PollRequest, RecordsPage } from './groups.ts';
import { type Held, isHeld, type Member, type PolledRange, replaced, sameHeld } from './member.ts';
import { seen, tooBusy, writeMember } from './members.ts';
import { heartbeatIntervalMs, stateOf } from './state.ts';
import { sync } from './sync.ts';

/** What a poll found. */
interface Found {
  readonly ranges: readonly PolledRange[];
  /** Positions that it moved, past records that were given and past those that are gone. */
  readonly moved: readonly Held[];
  readonly bytes: number;
  /** There was no room for more. */
  readonly isFull: boolean;
}

/** See `Groups.poll`. */
export async function poll(
  context: GroupContext,
  name: MemberName,
  request: PollRequest,
): Promise<MemberState> {
  const { clock, limits } = context;
  const { idempotencyKey: key, signal } = request;
  const isRepeat = repeatOf(name, key);
  let deadlineMs: number | undefined;
  let memberId: string | undefined;

  for (let conflicts = 0; conflicts < limits.attempts; ) {
    const member = await sync(context, name, { isRepeat, memberId });
    const { config } = member;
    memberId = member.memberId;
    if (member.subscription === undefined && member.held.length === 0) return stateOf(member);
    deadlineMs ??= clock.now() + (request.maxWaitMs ?? config.requestTimeoutMs);
    if (isRepeat(member)) {
      const { after, isEmpty } = await giveAgain(context, member, request.page(config));
      if (isEmpty) throw usedUp(name);
      if (after === undefined) return stateOf(member);
      const written = await writeMember(context, member, seen(after, clock.now()));
      if (written !== undefined) return stateOf(written);
      conflicts++;
      continue;
    }
    const { committed, commitMs } = await commitBefore(context, member);
    const partitions = await readable(context, member);
    const found = await find(context, member, partitions, request);
    // Nobody would get what it took.
    if (signal?.aborted) return stateOf(member);
    const isOver = clock.now() >= deadlineMs;
    const isEnough = found.bytes >= config.fetchMinBytes || found.isFull || isOver;
    const given = isEnough ? found : { ...found, ranges: [], moved: [] };
    const { ranges, moved } = given;
    const isSame = ranges.length + moved.length + committed.length === 0;
    const held = movedTo(replaced(member, committed).held, moved);
    const lastPoll = ranges.length > 0 ? { key, ranges } : member.lastPoll;
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
    if (lastPoll.key !== first.key || isBefore(key, lastPoll.key)) throw overtaken(name);
    return false;
  };
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

/** A partition that may be read, and where its records begin and end. */
interface Readable {
  readonly held: Held;
  readonly topic: Topic;
  readonly logStartOffset: number;
  readonly highWatermark: number;
}

/** Those that a poll reads, each time from behind the last that the poll before has given. Without those whose topic is gone. */
async function readable(context: GroupContext, member: Member): Promise<Readable[]> {
  const { topics, log, limits } = context;
  const wanted = member.held.filter((held) => {
    if (!isHeld(member, held) || held.revokeByMs > 0) return false;
    if (held.position < 0 && member.config.autoOffsetReset === 'error') throw noOffset(held);
    return held.position >= 0;
  });
  const names = [...new Set(wanted.map(({ topic }) => topic))];
  const found = await atOnce(names, limits.atOnce, async (name) => {
    const topic = await topics.lookup(name).catch(noneIfUnknown);
    const some = wanted.filter((held) => topic !== undefined && isOf(held, topic));
    if (topic === undefined || some.length === 0) return [];
    const bounds = await log
      .boundsOf(
        topic,
        some.map(({ partition }) => partition),
      )
      .catch(noneIfUnknown);
    return (bounds ?? []).map((each, i) => ({ ...each, held: some[i]!, topic }));
  });
  const all = found.flat();
  const last = member.lastPoll.ranges.at(-1);
  const behind = last === undefined ? 0 : all.findIndex(({ held }) => sameHeld(held, last)) + 1;
  return [...all.slice(behind), ...all.slice(0, behind)];
}

async function find(
  context: GroupContext,
  { config }: Member,
  partitions: readonly Readable[],
  request: PollRequest,
): Promise<Found> {
  const { limits, log } = context;
  const page = request.page(config);
  const ranges: PolledRange[] = [];
  const moved: Held[] = [];
  const maxBytes = Math.min(request.maxBytes ?? config.fetchMaxBytes, limits.fetchBytes);
  let bytes = 0;
  let isFull = false;
  for (const { held, topic, ...bounds } of partitions) {
    if (isFull) break;
    const { partition } = held;
    const isOut = held.position < bounds.logStartOffset || held.position > bounds.highWatermark;
    const from = isOut ? await startOf(context, topic, partition, config.autoOffsetReset) : held.position;
    if (from === undefined) throw noOffset(held);
    if (from >= bounds.highWatermark) {
      if (isOut) moved.push({ ...held, position: from });
      continue;
    }
    const fetched = await log
      .fetch(topic, { partition, offset: from, maxBytes: maxBytes - bytes, minBytes: 0, maxWaitMs: 0 })
      .catch(noneIfGone);
    if (fetched === undefined) continue;
    bytes += fetched.bytes.length;
    const { nextOffset, records, full } = page.add(topic, partition, fetched, from);
    if (nextOffset > from || isOut) moved.push({ ...held, position: nextOffset });
    if (records > 0) ranges.push({ topicId: topic.id, partition, from, to: nextOffset });
    isFull = full || bytes >= maxBytes || ranges.length === limits.partitionsPerPoll;
  }
  return { ranges, moved, bytes, isFull };
}

/** What is to become of a member whose poll was repeated. */
interface GivenAgain {
  /** `undefined`: it stays as it is. */
  readonly after: Member | undefined;
  readonly isEmpty: boolean;
}

/**
 * The same records as the poll before has given, of the partitions that are still the member's. If there was room for less, what is
 * left comes with the next poll.
 */
async function giveAgain(context: GroupContext, member: Member, page: RecordsPage): Promise<GivenAgain> {
  const { ranges } = member.lastPoll;
  let records = 0;
  for (const [i, range] of ranges.entries()) {
    const given = await giveRange(context, member, range, page);
    records += given.records;
    const { fullAt } = given;
    if (fullAt === undefined) continue;
    const left = ranges.slice(i + 1);
    if (fullAt === range.to && left.length === 0) break;
    const moved = [{ ...range, from: fullAt }, ...left].flatMap((each) => {
      const held = member.held.find((one) => sameHeld(one, each));
      return held === undefined ? [] : [{ ...held, position: each.from }];
    });
    const kept = [...ranges.slice(0, i), { ...range, to: fullAt }].filter(({ from, to }) => to > from);
    const lastPoll = { ...member.lastPoll, ranges: kept };
    return { after: { ...replaced(member, moved), lastPoll }, isEmpty: records === 0 };
  }
  return { after: undefined, isEmpty: records === 0 };
}

/** How many records the page took, and how far that is if it is full then. */
async function giveRange(
  { topics, log, limits }: GroupContext,
  member: Member,
  range: PolledRange,
  page: RecordsPage,
): Promise<{ records: number; fullAt?: number }> {
  const { topicId, partition, from, to } = range;
  let records = 0;
  const held = member.held.find((each) => sameHeld(each, range));
  if (held === undefined || !isHeld(member, held)) return { records };
  const topic = await topics.lookup(held.topic).catch(noneIfUnknown);
  if (topic?.id !== topicId) return { records };
  for (let next = from; next < to; ) {
    const request = { partition, offset: next, maxBytes: limits.fetchBytes, minBytes: 0, maxWaitMs: 0 };
    const fetched = await log.fetch(topic, request).catch(noneIfGone);
    if (fetched === undefined) break;
    const added = page.add(topic, partition, fetched, next, to);
    records += added.records;
    if (added.full) return { records, fullAt: added.nextOffset };
    if (added.nextOffset <= next) break;
    next = added.nextOffset;
  }
  return { records };
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

function noneIfUnknown(error: unknown): undefined {
  if (!(error instanceof WadiError) || error.kafka !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
}

/** The log start may have passed the position since the bounds were read: the next poll sees it. */
function noneIfGone(error: unknown): undefined {
  if (!(error instanceof WadiError) || error.kafka !== 'OFFSET_OUT_OF_RANGE') noneIfUnknown(error);
}

function noOffset({ topic, partition }: Held): WadiError {
  const message = `There is no position for partition ${partition} of topic '${topic}', or none within its records, and auto.offset.reset is 'none': seek.`;
  return new WadiError('OFFSET_OUT_OF_RANGE', message, { field: 'auto.offset.reset' });
}
