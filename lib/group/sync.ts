import { resolve } from './assign/subscription.ts';
import { claim, findStarts, followTopics } from './claim.ts';
import { commitHeld } from './commit.ts';
import type { GroupContext } from './context.ts';
import type { Division } from './division.ts';
import type { MemberName, PartitionName } from './groups.ts';
import { type Held, type Member, replaced } from './member.ts';
import { readMember, seen, tooBusy, writeMember } from './members.ts';
import type { Parts } from './parts.ts';
import { currentGroup, readDivision } from './sweep.ts';
import { takeTurn } from './turn.ts';

export interface SyncOptions {
  /** Partitions that it has stopped with, as it was asked to. */
  readonly revoked?: readonly PartitionName[];
  /** What the last poll gave was not received: it is asked for again. */
  readonly isRepeat?: (member: Member) => boolean;
}

/** How much of a session may pass before a call is written down. */
const SESSION_SHARE = 3;

/**
 * What each call of a member begins with: its session goes on, it lets go what is not its part any more and takes what it can
 * of what is. Throws UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID.
 */
export async function sync(
  context: GroupContext,
  name: MemberName,
  options: SyncOptions = {},
): Promise<Member> {
  const { clock, limits } = context;
  let caller: MemberName = name;
  for (let attempt = 1; attempt <= limits.attempts; attempt++) {
    let member = await readMember(context, caller);
    // One that has come under the name since has no part in it.
    caller = member;
    const group = await currentGroup(context, name.groupId);
    // Not "newer": a group that was deleted and came again counts from the beginning.
    const isNew = !member.manual && group.division !== '' && group.epoch !== member.epoch;
    const division = isNew ? await readDivision(context, group) : undefined;
    // Another counts by now.
    if (isNew && division === undefined) continue;

    const part = division && {
      epoch: group.epoch,
      parts: partsOf(division, member),
      topics: division.topics,
    };
    const isConfirmed = ({ topic, partition }: Held) =>
      options.revoked?.some((each) => each.topic === topic && each.partition === partition) === true;
    const turn = takeTurn(member, part, isConfirmed, clock.now());
    const isRepeat = options.isRepeat?.(member) === true;
    if (member.config.enableAutoCommit) await commitHeld(context, member, turn.released, isRepeat);
    if (turn.changed || isStale(member, clock.now())) {
      const written = await writeMember(context, member, seen(turn.member, clock.now()));
      if (written === undefined) continue;
      member = written;
    }

    const current = member.manual
      ? await followTopics(context, member)
      : replaced(member, await claim(context, member));
    const started = await findStarts(context, current);
    if (current !== member || started.length > 0) {
      const written = await writeMember(context, member, replaced(current, started));
      if (written === undefined) continue;
      member = written;
    }
    return member;
  }
  throw tooBusy(name);
}

/** Of topics that it is subscribed to: the division may be of a subscription that it had before. */
function partsOf({ parts, topics }: Division, { name, subscription }: Member): Parts {
  const own = parts.get(name);
  if (own === undefined || subscription === undefined) return new Map();
  const ids = new Set(resolve(subscription, topics));
  return new Map([...own].filter(([topicId]) => ids.has(topicId)));
}

function isStale({ lastSeenMs, config }: Member, now: number): boolean {
  return now - lastSeenMs >= config.sessionTimeoutMs / SESSION_SHARE;
}
