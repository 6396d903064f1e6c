import { atOnce } from '../atOnce.ts';
import { WadiError } from '../errors.ts';
import type { GroupContext } from './context.ts';
import { requireGroup } from './describeGroup.ts';
import type { PartitionLag } from './groups.ts';
import { sessionIsOver } from './member.ts';
import { readMembers } from './members.ts';
import { isFree, type Position } from './position.ts';
import { readAllPositions } from './positions.ts';

/** See `Groups.lags`. In the order of topics and partitions. */
export async function lags(context: GroupContext, groupId: string): Promise<PartitionLag[]> {
  await requireGroup(context, groupId);
  const [positions, members] = await Promise.all([
    readAllPositions(context, groupId),
    readMembers(context, groupId),
  ]);
  const now = context.clock.now();
  const live = members.filter((member) => !sessionIsOver(member, now));
  const byName = new Map(live.map((member) => [member.name, member]));
  const byTopic = Map.groupBy(positions, ({ topicId }) => topicId);
  const found = await atOnce([...byTopic.values()], context.limits.atOnce, async (some) => {
    const bounds = await boundsOf(context, some);
    return bounds.map(({ position, logStartOffset, highWatermark }): PartitionLag => {
      const { topic, partition, offset, metadata } = position;
      const owner = byName.get(position.ownerName);
      const isOwned = owner !== undefined && !isFree(position, owner);
      const from = offset < 0 ? logStartOffset : Math.max(offset, logStartOffset);
      return {
        ...{ topic, partition, metadata, logStartOffset },
        committedOffset: offset,
        logEndOffset: highWatermark,
        lag: Math.max(0, highWatermark - from),
        owner: isOwned
          ? { name: owner.name, memberId: owner.memberId, groupInstanceId: owner.config.groupInstanceId }
          : undefined,
      };
    });
  });
  return found
    .flat()
    .toSorted((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
}

interface WithBounds {
  readonly position: Position;
  readonly logStartOffset: number;
  readonly highWatermark: number;
}

/** Of positions of one topic: none if it is gone. */
async function boundsOf(
  { topics, log }: GroupContext,
  positions: readonly Position[],
): Promise<WithBounds[]> {
  const { topic: name, topicId } = positions[0]!;
  try {
    const topic = await topics.describe(name);
    if (topic.id !== topicId) return [];
    const known = positions.filter(({ partition }) => partition < topic.partitions);
    const numbers = known.map(({ partition }) => partition);
    const bounds = await log.boundsOf(topic, numbers);
    return known.map((position, i) => ({ position, ...bounds[i]! }));
  } catch (error) {
    if (error instanceof WadiError && error.kafka === 'UNKNOWN_TOPIC_OR_PARTITION') return [];
    throw error;
  }
}
