import type { GroupContext } from './context.ts';
import type { Committed, PartitionName } from './groups.ts';
import { namedPositions } from './namedPositions.ts';

/** See `Groups.committed`. */
export async function committed(
  context: GroupContext,
  groupId: string,
  partitions: readonly PartitionName[],
): Promise<(Committed | undefined)[]> {
  const positions = await namedPositions(context, groupId, partitions);
  return positions.map(({ offset, metadata, committedAtMs }) =>
    offset < 0 ? undefined : { offset, metadata, committedAtMs },
  );
}
