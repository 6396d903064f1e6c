import { assignPartitions } from './assignPartitions.ts';
import { commit } from './commit.ts';
import { committed } from './committed.ts';
import type { GroupContext } from './context.ts';
import { create } from './create.ts';
import { deleteGroup } from './deleteGroup.ts';
import { deletePositions } from './deletePositions.ts';
import { describeGroup } from './describeGroup.ts';
import type { Groups } from './groups.ts';
import { heartbeat } from './heartbeat.ts';
import { lags } from './lags.ts';
import { leave } from './leave.ts';
import { GROUP_LIMITS } from './limits.ts';
import { listGroups } from './listGroups.ts';
import { readMember } from './members.ts';
import { poll } from './poll.ts';
import { reset } from './reset.ts';
import { seek } from './seek.ts';
import { stateOf } from './state.ts';
import { subscribe } from './subscribe.ts';
import { tidy } from './tidy.ts';

export function createGroups(
  options: Omit<GroupContext, 'limits'> & Partial<Pick<GroupContext, 'limits'>>,
): Groups {
  const context: GroupContext = { limits: GROUP_LIMITS, ...options };
  return {
    create: (groupId, config, name, caller) => create(context, groupId, config, name, caller),
    leave: (name, nextKey) => leave(context, name, nextKey),
    subscribe: (name, subscription, nextKey) => subscribe(context, name, subscription, nextKey),
    assign: (name, partitions) => assignPartitions(context, name, partitions),
    describeMember: async (name) => stateOf(await readMember(context, name)),
    heartbeat: (name, revoked) => heartbeat(context, name, revoked),
    poll: (name, request) => poll(context, name, request),
    seek: (name, positions) => seek(context, name, positions),
    commit: (name, offsets, nextKey) => commit(context, name, offsets, nextKey),
    committed: (groupId, partitions) => committed(context, groupId, partitions),
    list: (page) => listGroups(context, page),
    describe: (groupId) => describeGroup(context, groupId),
    lags: (groupId) => lags(context, groupId),
    reset: (groupId, partitions, to, how) => reset(context, groupId, partitions, to, how),
    deletePositions: (groupId, partitions) => deletePositions(context, groupId, partitions),
    delete: (groupId) => deleteGroup(context, groupId),
    tidy: (groupId, retentionMs) => tidy(context, groupId, retentionMs),
  };
}
