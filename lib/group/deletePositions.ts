import { atOnce } from '../atOnce.ts';
import { WadiError } from '../errors.ts';
import type { GroupContext } from './context.ts';
import { requireGroup } from './describeGroup.ts';
import type { PartitionName } from './groups.ts';
import { ownersOf } from './members.ts';
import { namedPositions } from './namedPositions.ts';
import { isFree } from './position.ts';
import { deletePosition } from './positions.ts';
import { subscribedTo, subscribers } from './subscribers.ts';

/** See `Groups.deletePositions`. */
export async function deletePositions(
  context: GroupContext,
  groupId: string,
  partitions: readonly PartitionName[],
): Promise<void> {
  await requireGroup(context, groupId);
  const positions = await namedPositions(context, groupId, partitions);
  const names = [...new Set(positions.map(({ topic }) => topic))];
  const found = subscribedTo(await subscribers(context, groupId), names);
  if (found !== undefined) throw subscribed(groupId, found.member.name, found.topic);
  const owners = await ownersOf(context, groupId, positions);
  await atOnce(positions, context.limits.atOnce, async (position) => {
    const { ownerName, topic } = position;
    const isOurs =
      isFree(position, owners.get(ownerName)) && (await deletePosition(context, groupId, position));
    if (!isOurs) throw subscribed(groupId, ownerName, topic);
  });
}

function subscribed(groupId: string, name: string, topic: string): WadiError {
  const message = `'${name}' of group '${groupId}' is subscribed to topic '${topic}': it must leave first.`;
  return new WadiError('GROUP_SUBSCRIBED_TO_TOPIC', message, { field: 'topic_name' });
}
