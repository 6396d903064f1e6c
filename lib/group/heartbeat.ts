import type { GroupContext } from './context.ts';
import type { MemberName, MemberState, PartitionName } from './groups.ts';
import { stateOf } from './state.ts';
import { sync } from './sync.ts';

/** See `Groups.heartbeat`. What the last poll gave may still be in process: nothing of it is committed. */
export async function heartbeat(
  context: GroupContext,
  name: MemberName,
  revoked: readonly PartitionName[] = [],
): Promise<MemberState> {
  return stateOf(await sync(context, name, { revoked, isRepeat: () => true }));
}
