import { atOnce } from '../atOnce.ts';
import { WadiError } from '../errors.ts';
import type { GroupContext } from './context.ts';
import { requireGroup } from './describeGroup.ts';
import type { PartitionName } from './groups.ts';
import { ownersOf } from './members.ts';
import { namedPositions } from './namedPositions.ts';
import { isFree } from './position.ts';
import { deletePosition } from './positions.ts';

/** See `Groups.deletePositions`. */
export async function deletePositions(
  context: GroupContext,
  groupId: string,
  partitions: readonly PartitionName[],
): Promise<void> {
  await requireGroup(context, groupId);
  const positions = await namedPositions(context, groupId, partitions);
  const owners = await ownersOf(context, groupId, positions);
  const taken = positions.find((position) => !isFree(position, owners.get(position.ownerName)));
  if (taken !== undefined) throw subscribed(groupId, taken);
  await atOnce(positions, context.limits.atOnce, async (position) => {
    if (!(await deletePosition(context, groupId, position))) throw subscribed(groupId, position);
  });
}

function subscribed(groupId: string, { topic, partition }: PartitionName): WadiError {
  const message = `A member of group '${groupId}' holds partition ${partition} of topic '${topic}'.`;
  return new WadiError('GROUP_SUBSCRIBED_TO_TOPIC', message, { field: 'topic_name' });
}
