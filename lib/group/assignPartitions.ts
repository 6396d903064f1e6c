import type { GroupContext } from './context.ts';
import type { MemberName, PartitionName } from './groups.ts';
import { type Held, sameHeld } from './member.ts';
import { changeMember } from './members.ts';
import { namedPositions } from './namedPositions.ts';
import { exclusive } from './subscribe.ts';

/** See `Groups.assign`. Partitions that it had already go on where they are. */
export async function assignPartitions(
  context: GroupContext,
  name: MemberName,
  partitions: readonly PartitionName[],
): Promise<void> {
  const positions = await namedPositions(context, name.groupId, partitions);
  await changeMember(context, name, (member) => {
    if (member.subscription !== undefined) throw exclusive();
    const held = positions.map(({ topicId, topic, partition, offset }): Held => {
      const known = member.manual && member.held.find((each) => sameHeld(each, { topicId, partition }));
      const nothing = { epoch: 0, revokeByMs: 0 };
      return known || { topicId, topic, partition, position: offset, committed: offset, ...nothing };
    });
    return { ...member, manual: held.length > 0, held };
  });
}
