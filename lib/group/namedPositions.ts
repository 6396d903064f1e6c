import { atOnce } from '../atOnce.ts';
import { requirePartition } from '../log/requirePartition.ts';
import type { GroupContext } from './context.ts';
import type { PartitionName } from './groups.ts';
import type { Position } from './position.ts';
import { readPositions } from './positions.ts';

/** A group's positions of partitions that must exist, in the order asked for. Throws UNKNOWN_TOPIC_OR_PARTITION. */
export async function namedPositions(
  context: GroupContext,
  groupId: string,
  partitions: readonly PartitionName[],
): Promise<Position[]> {
  const { topics, limits } = context;
  const names = [...new Set(partitions.map(({ topic }) => topic))];
  const found = await atOnce(names, limits.atOnce, (name) => topics.describe(name));
  const byName = new Map(found.map((topic) => [topic.name, topic]));
  const wanted = partitions.map(({ topic: name, partition }) => {
    const topic = byName.get(name)!;
    requirePartition(topic, partition);
    return { topicId: topic.id, topic: name, partition };
  });
  return readPositions(context, groupId, wanted);
}
