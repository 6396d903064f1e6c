import type { Mutation } from '../mutations.ts';

export const groupsRules: readonly Mutation[] = [
  // ------------------------------------------------------------ who holds a partition
  {
    rule: 'a partition is claimed when its owner has let it go',
    file: 'lib/group/claim.ts',
    from: 'if (!isMine && !isFree(position, owners.get(position.ownerName))) return undefined;',
    to: '',
  },
  {
    rule: 'who takes back what it had changes the position, so that others do not claim what they saw free',
    file: 'lib/group/claim.ts',
    from: 'const mine = claimed(position, member);',
    to: 'if (isMine) return position;\n    const mine = claimed(position, member);',
  },
  {
    rule: 'a claim of another begins an epoch',
    file: 'lib/group/position.ts',
    from: 'owner === memberId ? position.epoch : position.epoch + 1',
    to: 'Math.max(1, position.epoch)',
  },
  {
    rule: 'an owner is gone when another has come under its name',
    file: 'lib/group/position.ts',
    from: ' || owner.memberId !== position.owner) return true;',
    to: ') return true;',
  },
  {
    rule: 'a static member that comes again claims anew',
    file: 'lib/group/create.ts',
    from: 'taken(before.held)',
    to: 'before.held',
  },
  {
    rule: 'a member lets go what is not its part',
    file: 'lib/group/turn.ts',
    from: 'else released.push(each);',
    to: 'else held.push(each);',
  },
  {
    rule: 'one that does not confirm lets go when its time is over',
    file: 'lib/group/turn.ts',
    from: 'each.epoch > 0 && now < revokeByMs && !confirmed(each)',
    to: 'each.epoch > 0 && !confirmed(each)',
  },
  {
    rule: 'what is to be let go is not read any more',
    file: 'lib/group/find.ts',
    from: 'if (!isHeld(member, held) || held.revokeByMs > 0) return false;',
    to: 'if (!isHeld(member, held)) return false;',
  },
  // ------------------------------------------------------------ positions
  {
    rule: 'a position is written as it was read',
    file: 'lib/group/positions.ts',
    from: 'items.put(encodePosition(groupId, written), unchanged(before)),',
    to: 'items.put(encodePosition(groupId, written)),',
  },
  {
    rule: 'a position that is made anew begins with another version',
    file: 'lib/group/positions.ts',
    from: '(before.version || anyVersion(clock)) + 1',
    to: 'before.version + 1',
  },
  {
    rule: 'a position is deleted as it was read',
    file: 'lib/group/positions.ts',
    from: 'items.put(mark, unchanged(position))',
    to: 'items.put(mark)',
  },
  {
    rule: 'the owner of a partition commits it',
    file: 'lib/group/commit.ts',
    from: 'return position.owner === member.memberId && position.epoch === held.epoch;',
    to: 'return true;',
  },
  {
    rule: 'a member that lost a partition, and owns it again, commits what it was given since',
    file: 'lib/group/commit.ts',
    from: 'position.owner === member.memberId && position.epoch === held.epoch;',
    to: 'position.owner === member.memberId;',
  },
  {
    rule: 'what a member commits by itself takes back nothing',
    file: 'lib/group/commit.ts',
    from: "if (isImplied && offset < position.offset && position.offset !== held.committed) return 'done';",
    to: '',
  },
  {
    rule: 'what the last poll gave is not committed while it may be asked for again',
    file: 'lib/group/commit.ts',
    from: 'if (!isRepeat) return held.position;',
    to: 'if (held.position >= 0) return held.position;',
  },
  {
    rule: 'a commit is within the records that are there',
    file: 'lib/group/commit.ts',
    from: 'if (offset > highWatermark) throw beyondEnd(',
    to: 'if (offset < 0) throw beyondEnd(',
  },
  {
    rule: 'a commit that was not stored is refused',
    file: 'lib/group/commit.ts',
    from: 'if (refused.length > 0) throw fenced(name, refused[0]!.held);',
    to: '',
  },
  {
    rule: 'a seek beyond the end is committed by nobody',
    file: 'lib/group/seek.ts',
    from: 'if (to <= highWatermark) return',
    to: 'if (to >= 0) return',
  },
  {
    rule: 'positions are reset where nobody holds the partition',
    file: 'lib/group/reset.ts',
    from: 'await requireFree(context, groupId, positions);',
    to: '',
  },
  {
    rule: 'positions are deleted where nobody holds the partition',
    file: 'lib/group/deletePositions.ts',
    from: 'isFree(position, owners.get(ownerName)) && ',
    to: '',
  },
  // ------------------------------------------------------------ polls
  {
    rule: 'a poll that is repeated moves nothing',
    file: 'lib/group/poll.ts',
    from: 'if (isUnanswered(member)) {',
    to: 'if (isUnanswered(member) && limits.attempts < 0) {',
  },
  {
    rule: 'positions move as far as the page took records',
    file: 'lib/group/find.ts',
    from: 'moved.push({ ...held, position: nextOffset });',
    to: 'moved.push({ ...held, position: fetched.nextOffset });',
  },
  {
    rule: 'a key that has given records gives no others, whoever has those by now',
    file: 'lib/group/poll.ts',
    from: 'if (lastPoll.key === key) return true;',
    to: 'if (lastPoll.key === key) return lastPoll.ranges.length > 0;',
  },
  {
    rule: 'a poll that a later one has overtaken takes nothing',
    file: 'lib/group/poll.ts',
    from: 'if (lastPoll.key !== first.key || isOld) throw overtaken(name);',
    to: '',
  },
  {
    rule: 'a poll that comes after a later one takes nothing',
    file: 'lib/group/poll.ts',
    from: 'lastPoll.key !== first.key || isOld',
    to: 'lastPoll.key !== first.key',
  },
  {
    rule: 'who falls out of the log begins where auto.offset.reset says',
    file: 'lib/group/find.ts',
    from: 'const isOut = held.position < logStartOffset || held.position > highWatermark;',
    to: 'const isOut = held.position > highWatermark;',
  },
  // ------------------------------------------------------------ members
  {
    rule: 'a member is written as it was read',
    file: 'lib/group/members.ts',
    from: "{ path: ['version'], is: '=', value: before?.version ?? 0 },",
    to: '',
  },
  {
    rule: 'a member is put out as it was read',
    file: 'lib/group/members.ts',
    from: "{ path: ['version'], is: '=', value: version },",
    to: '',
  },
  {
    rule: 'a member is written in place of the same incarnation',
    file: 'lib/group/members.ts',
    from: "{ path: ['memberId'], is: '=', value: before?.memberId ?? '' },",
    to: '',
  },
  {
    rule: 'a call is of the incarnation that made it',
    file: 'lib/group/members.ts',
    from: 'if (name.memberId !== undefined && name.memberId !== member.memberId) throw fencedInstance(name);',
    to: '',
  },
  {
    rule: 'calls keep a session alive',
    file: 'lib/group/sync.ts',
    from: 'if (turn.changed || isStale(member, clock.now())) {',
    to: 'if (turn.changed) {',
  },
  {
    rule: 'sessions end',
    file: 'lib/group/member.ts',
    from: 'return now - lastSeenMs > config.sessionTimeoutMs;',
    to: 'return now - lastSeenMs > 100 * config.sessionTimeoutMs + 600_000;',
  },
  {
    rule: 'a member takes its part again after a change of its subscription',
    file: 'lib/group/subscribe.ts',
    from: 'return { ...member, subscription, epoch: 0 };',
    to: 'return { ...member, subscription };',
  },
  {
    rule: 'a member takes its part of a group that began anew',
    file: 'lib/group/sync.ts',
    from: 'group.epoch !== member.epoch',
    to: 'group.epoch > member.epoch',
  },
  {
    rule: 'one without a subscription takes no part',
    file: 'lib/group/sync.ts',
    from: 'if (own === undefined || subscription === undefined) return new Map();',
    to: 'if (own === undefined) return new Map();\n  if (subscription === undefined) return own;',
  },
  // ------------------------------------------------------------ divisions
  {
    rule: 'of the divisions of an epoch one counts',
    file: 'lib/group/sweep.ts',
    from: 'items.update(groupKey(groupId), actions, isAsSeen)',
    to: 'items.update(groupKey(groupId), actions)',
  },
  {
    rule: 'a division knows the changes from before its members were read',
    file: 'lib/group/sweep.ts',
    from: "{ set: ['assigned'], to: group.changes }",
    to: "{ set: ['assigned'], to: (await findGroup(context, groupId))?.changes ?? 0 }",
  },
  {
    rule: 'the division that counts stays',
    file: 'lib/group/sweep.ts',
    from: 'divisionsBefore(group.groupId, group.epoch)',
    to: 'divisionsBefore(group.groupId, group.epoch + 1)',
  },
  {
    rule: 'new partitions are divided',
    file: 'lib/group/sweep.ts',
    from: 'JSON.stringify([assignor, sizes, wants])',
    to: 'JSON.stringify([assignor, sizes.length, wants])',
  },
  {
    rule: 'a group with members is not deleted',
    file: 'lib/group/deleteGroup.ts',
    from: 'await requireEmpty(context, groupId);',
    to: '',
  },
];
