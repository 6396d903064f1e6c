import { atOnce } from '../atOnce.ts';
import { WadiError } from '../errors.ts';
import type { Topic } from '../topic/topic.ts';
import type { GroupContext } from './context.ts';
import type { OffsetReset } from './groups.ts';
import type { Held, Member } from './member.ts';
import { ownersOf } from './members.ts';
import { claimed, isFree } from './position.ts';
import { readPositions, writePosition } from './positions.ts';

/** What is held from now on, of what a member has listed and not claimed: all that nobody else holds. */
export async function claim(context: GroupContext, member: Member): Promise<Held[]> {
  const { limits } = context;
  const wanted = member.held.filter(({ epoch }) => epoch === 0);
  const positions = await readPositions(context, member.groupId, wanted);
  // Also whoever has come under the member's own name since it was read.
  const others = positions.filter(({ owner }) => owner !== member.memberId);
  const owners = await ownersOf(context, member.groupId, others);
  const taken = await atOnce(positions, limits.atOnce, async (position) => {
    const isMine = position.owner === member.memberId;
    if (!isMine && !isFree(position, owners.get(position.ownerName))) return undefined;
    const mine = claimed(position, member);
    return (await writePosition(context, member.groupId, position, mine)) ? mine : undefined;
  });
  return taken.flatMap((position, i) => {
    if (position === undefined) return [];
    const { epoch, offset } = position;
    return [{ ...wanted[i]!, epoch, position: offset, committed: offset }];
  });
}

/** Where members begin that find no position, by `auto.offset.reset`; `undefined` if they are to be told. */
export async function startOf(
  context: GroupContext,
  topic: Topic,
  partition: number,
  reset: OffsetReset,
): Promise<number | undefined> {
  return (await startsOf(context, topic, [partition], reset))[0];
}

/** The same of several, by the heads that they are in where no time is looked up. */
async function startsOf(
  { log, clock, limits }: GroupContext,
  topic: Topic,
  partitions: readonly number[],
  reset: OffsetReset,
): Promise<(number | undefined)[]> {
  if (reset === 'error') return partitions.map(() => undefined);
  const bounds = await log.boundsOf(topic, partitions);
  if (reset === 'earliest') return bounds.map(({ logStartOffset }) => logStartOffset);
  if (reset === 'latest') return bounds.map(({ highWatermark }) => highWatermark);
  const timestamp = Math.max(0, clock.now() - reset.byDurationMs);
  const found = await atOnce(partitions, limits.atOnce, (partition) =>
    log.listOffsets(topic, partition, { timestamp }),
  );
  return found.map(({ offset }, i) => (offset >= 0 ? offset : bounds[i]!.highWatermark));
}

/** Finds where those begin that have no position yet. Those whose topic is gone, or that are to be told, stay without. */
export async function findStarts(context: GroupContext, member: Member): Promise<Held[]> {
  const { topics, limits } = context;
  const without = member.held.filter(({ position, epoch }) => position < 0 && (member.manual || epoch > 0));
  const byTopic = [...Map.groupBy(without, ({ topic }) => topic)];
  const found = await atOnce(byTopic, limits.atOnce, async ([name, some]) => {
    try {
      const topic = await topics.lookup(name);
      const there = some.filter((held) => isOf(held, topic));
      const numbers = there.map(({ partition }) => partition);
      const starts = await startsOf(context, topic, numbers, member.config.autoOffsetReset);
      return there.flatMap((held, i) => (starts[i] === undefined ? [] : [{ ...held, position: starts[i] }]));
    } catch (error) {
      if (error instanceof WadiError && error.kafka === 'UNKNOWN_TOPIC_OR_PARTITION') return [];
      throw error;
    }
  });
  return found.flat();
}

/** Partitions that were assigned by hand are those of whatever topic has the name: of one that was made again they begin anew. */
export async function followTopics({ topics, limits }: GroupContext, member: Member): Promise<Member> {
  const ids = new Map(member.held.map(({ topic, topicId }) => [topic, topicId]));
  await atOnce([...ids], limits.atOnce, async ([name, topicId]) => {
    try {
      if ((await topics.lookup(name)).id === topicId) return;
      // Which of the two is older only the topic as it stands can tell.
      ids.set(name, (await topics.describe(name)).id);
    } catch (error) {
      if (!(error instanceof WadiError) || error.kafka !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
    }
  });
  const held = member.held.map((each) => {
    const topicId = ids.get(each.topic)!;
    return topicId === each.topicId ? each : { ...each, topicId, position: -1, committed: -1 };
  });
  return held.every((each, i) => each === member.held[i]) ? member : { ...member, held };
}

/** What was looked up may be some seconds old: the topic may have been made again since, or have got partitions. */
export function isOf({ topicId, partition }: Pick<Held, 'topicId' | 'partition'>, topic: Topic): boolean {
  return topicId === topic.id && partition < topic.partitions;
}
