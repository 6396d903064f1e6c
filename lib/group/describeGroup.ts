import { WadiError } from '../errors.ts';
import type { GroupContext } from './context.ts';
import type { Division } from './division.ts';
import type { Group } from './group.ts';
import type { GroupDescription, GroupState, MemberDescription, PartitionName } from './groups.ts';
import { isHeld, type Member, sessionIsOver } from './member.ts';
import { readMembers } from './members.ts';
import { findGroup, readDivision } from './sweep.ts';

/** See `Groups.describe`. Members whose session is over are not shown, though nobody may have put them out yet. */
export async function describeGroup(context: GroupContext, groupId: string): Promise<GroupDescription> {
  const group = await requireGroup(context, groupId);
  const [division, all] = await Promise.all([readDivision(context, group), readMembers(context, groupId)]);
  const now = context.clock.now();
  const members = all.filter((member) => !sessionIsOver(member, now));
  return {
    groupId,
    state: stateOf(group, members, all.length),
    epoch: group.epoch,
    assignor: division?.assignor ?? 'uniform',
    members: members.map((member) => describeMember(member, division)),
  };
}

/** Throws GROUP_ID_NOT_FOUND. */
export async function requireGroup(context: GroupContext, groupId: string): Promise<Group> {
  const group = await findGroup(context, groupId);
  if (group !== undefined) return group;
  throw new WadiError('GROUP_ID_NOT_FOUND', `Group '${groupId}' does not exist.`, {
    field: 'consumer_group_id',
  });
}

function stateOf(group: Group, members: readonly Member[], stored: number): GroupState {
  if (members.length === 0) return 'empty';
  if (group.changes > group.assigned || members.length < stored) return 'assigning';
  const isBehind = (member: Member) =>
    !member.manual &&
    (member.epoch !== group.epoch || member.held.some((held) => held.epoch === 0 || held.revokeByMs > 0));
  return members.some(isBehind) ? 'reconciling' : 'stable';
}

function describeMember(member: Member, division: Division | undefined): MemberDescription {
  const { name, memberId, config, subscription, epoch, held, lastSeenMs } = member;
  const parts = division?.parts.get(name);
  const target = (division?.topics ?? []).flatMap((topic) =>
    (parts?.get(topic.id) ?? []).map((partition): PartitionName => ({ topic: topic.name, partition })),
  );
  return {
    ...{ name, memberId, subscription, epoch, target, lastSeenMs },
    groupInstanceId: config.groupInstanceId,
    assigned: held
      .filter((each) => isHeld(member, each))
      .map(({ topic, partition, position }) => ({ topic, partition, position })),
  };
}
