import type { Caller } from '../acl/decide.ts';
import { WadiError } from '../errors.ts';
import { randomUuid } from '../uuid.ts';
import { MEMBER_DEFAULTS } from './config.ts';
import type { GroupContext } from './context.ts';
import type { MemberConfig, MemberName } from './groups.ts';
import { type Held, type Member, sessionIsOver } from './member.ts';
import { findMember, tooBusy, writeMember } from './members.ts';
import { requireGroupId, requireMemberName } from './names.ts';
import { ensureGroup } from './sweep.ts';

/**
 * See `Groups.create`. A static member that comes again takes the place of the one that had its name, whose commits are refused
 * from the next claim on; the group does not divide anew for that.
 */
export async function create(
  context: GroupContext,
  groupId: string,
  config: Partial<MemberConfig> = {},
  given?: string,
  caller?: Caller,
): Promise<Required<MemberName>> {
  const { clock, limits } = context;
  requireGroupId(groupId, limits, 'group_name');
  const full = { ...MEMBER_DEFAULTS, ...config };
  const { groupInstanceId, sessionTimeoutMs } = full;
  if (sessionTimeoutMs < limits.minSessionMs || sessionTimeoutMs > limits.maxSessionMs) {
    const message = `session.timeout.ms must be from ${limits.minSessionMs} to ${limits.maxSessionMs}.`;
    throw new WadiError('INVALID_SESSION_TIMEOUT', message, { field: 'session.timeout.ms' });
  }
  if (given !== undefined && groupInstanceId !== undefined && given !== groupInstanceId) {
    const message = `A static member's name is its group.instance.id, '${groupInstanceId}'.`;
    throw new WadiError('INVALID_REQUEST', message, { field: 'name' });
  }
  const name = { groupId, name: given ?? groupInstanceId ?? randomUuid(clock) };
  requireMemberName(name.name, limits);
  const group = await ensureGroup(context, groupId);

  for (let attempt = 1; attempt <= limits.attempts; attempt++) {
    const now = clock.now();
    const before = await findMember(context, name);
    if (before === undefined && group.members >= limits.members) {
      const message = `Group '${groupId}' has ${group.members} members, as many as it may have.`;
      throw new WadiError('GROUP_MAX_SIZE_REACHED', message);
    }
    const isStatic = groupInstanceId !== undefined && groupInstanceId === before?.config.groupInstanceId;
    if (before !== undefined && !isStatic && !sessionIsOver(before, now)) {
      const message = `Consumer instance with the specified name already exists: '${name.name}' of group '${groupId}'.`;
      throw new WadiError('UNRELEASED_INSTANCE_ID', message, { field: 'name' });
    }
    const member: Member = {
      ...name,
      memberId: randomUuid(clock),
      config: full,
      caller,
      subscription: isStatic ? before.subscription : undefined,
      manual: false,
      epoch: isStatic ? before.epoch : 0,
      held: isStatic && !before.manual ? taken(before.held) : [],
      lastPoll: { token: '', key: undefined, ranges: [], earlierKeys: [] },
      // The read may have taken its time, and the one before been heard of since.
      lastSeenMs: Math.max(now, before?.lastSeenMs ?? 0),
      autoCommitMs: now,
      left: false,
      version: 0,
    };
    if ((await writeMember(context, before, member)) !== undefined)
      return { ...name, memberId: member.memberId };
  }
  throw tooBusy(name);
}

/** Its own to claim, since the one before it is gone; but what that one was to let go is let go by that. */
function taken(held: readonly Held[]): Held[] {
  return held
    .filter(({ revokeByMs }) => revokeByMs === 0)
    .map((each) => ({ ...each, epoch: 0, position: -1, committed: -1 }));
}
