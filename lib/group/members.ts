import { atOnce } from '../atOnce.ts';
import { WadiError } from '../errors.ts';
import { withRetries } from '../log/retry.ts';
import { allItems } from '../storage/allItems.ts';
import { randomUuid } from '../uuid.ts';
import type { GroupContext } from './context.ts';
import { requireFits } from './fits.ts';
import type { MemberName } from './groups.ts';
import {
  decodeMember,
  encodeMember,
  type Member,
  memberKey,
  membersOf,
  sameHeld,
  sessionIsOver,
} from './member.ts';
import { isName } from './names.ts';
import type { Position } from './position.ts';

/**
 * The member that calls. Throws UNKNOWN_MEMBER_ID: there is none, or its session is over, though nobody may have put it out yet;
 * FENCED_INSTANCE_ID: another has its name.
 */
export async function readMember(context: GroupContext, name: MemberName): Promise<Member> {
  const member = await findMember(context, name);
  if (member === undefined) throw unknownMember(name);
  if (name.memberId !== undefined && name.memberId !== member.memberId) throw fencedInstance(name);
  if (member.left || sessionIsOver(member, context.clock.now())) throw unknownMember(name);
  return member;
}

/** `undefined` also for what can be no name. */
export async function findMember(
  { items, clock, limits }: GroupContext,
  name: MemberName,
): Promise<Member | undefined> {
  if (!isName(name.groupId, limits) || !isName(name.name, limits)) return undefined;
  const item = await withRetries(clock, () => items.get(memberKey(name)));
  return item && decodeMember(item);
}

export async function readMembers(
  { items, clock, limits }: GroupContext,
  groupId: string,
): Promise<Member[]> {
  const query = { ...membersOf(groupId), limit: limits.itemsPerRead };
  return (await allItems(items, clock, query)).map(decodeMember);
}

/** Who has the names now of those who own these positions. */
export async function ownersOf(
  context: GroupContext,
  groupId: string,
  positions: readonly Position[],
): Promise<Map<string, Member | undefined>> {
  const names = [...new Set(positions.flatMap(({ owner, ownerName }) => (owner === '' ? [] : [ownerName])))];
  const members = await atOnce(names, context.limits.atOnce, (name) =>
    findMember(context, { groupId, name }),
  );
  return new Map(names.map((name, i) => [name, members[i]]));
}

/**
 * Writes a member in place of `before`, of which nothing was changed meanwhile. Returns it as it then is, or `undefined`: it is
 * another, or gone.
 */
export async function writeMember(
  context: GroupContext,
  before: Member | undefined,
  member: Member,
): Promise<Member | undefined> {
  const { items, clock } = context;
  const written = { ...member, lastPoll: polled(member), version: (before?.version ?? 0) + 1 };
  const stamp = randomUuid(clock);
  const item = encodeMember(written, stamp);
  requireFits(item, member.groupId);
  const isUnchanged = {
    all: [
      { path: ['version'], is: '=', value: before?.version ?? 0 },
      { path: ['memberId'], is: '=', value: before?.memberId ?? '' },
    ],
  } as const;
  const condition = before === undefined ? ({ missing: ['pk'] } as const) : isUnchanged;
  const outcome = await withRetries(clock, () => items.put(item, condition));
  // One that was sent again finds its own.
  return outcome.applied || outcome.item?.stamp === stamp ? written : undefined;
}

/** What the last poll gave, of what the member holds and has not sought elsewhere: only that can be asked for again. */
function polled({ lastPoll, held }: Member): Member['lastPoll'] {
  const ranges = lastPoll.ranges.filter((range) =>
    held.some((each) => sameHeld(each, range) && each.position === range.to),
  );
  return ranges.length === lastPoll.ranges.length ? lastPoll : { ...lastPoll, ranges };
}

/** Deletes the member if nothing was changed meanwhile. Whether it is gone. */
export async function deleteMember({ items, clock }: GroupContext, member: Member): Promise<boolean> {
  const { version, memberId } = member;
  const isUnchanged = {
    all: [
      { path: ['version'], is: '=', value: version },
      { path: ['memberId'], is: '=', value: memberId },
    ],
  } as const;
  const outcome = await withRetries(clock, () => items.delete(memberKey(member), isUnchanged));
  return outcome.applied || outcome.item === undefined;
}

/**
 * Changes a member, again if another call came between: `change` answers `undefined` if there is nothing to change. Throws
 * UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID.
 */
export async function changeMember(
  context: GroupContext,
  name: MemberName,
  change: (member: Member) => Member | undefined | Promise<Member | undefined>,
): Promise<Member> {
  let caller: MemberName = name;
  for (let attempt = 1; attempt <= context.limits.attempts; attempt++) {
    const before = await readMember(context, caller);
    caller = before;
    const after = await change(before);
    if (after === undefined) return before;
    const written = await writeMember(context, before, seen(after, context.clock.now()));
    if (written !== undefined) return written;
  }
  throw tooBusy(name);
}

/** It has been heard of now. */
export function seen(member: Member, now: number): Member {
  return { ...member, lastSeenMs: Math.max(member.lastSeenMs, now) };
}

function fencedInstance({ groupId, name }: MemberName): WadiError {
  const message = `Another instance has taken the name '${name}' in group '${groupId}'. This one has no part in it any more.`;
  return new WadiError('FENCED_INSTANCE_ID', message, { field: 'instance' });
}

function unknownMember({ groupId, name }: MemberName): WadiError {
  const message = `Consumer instance not found: '${name}' of group '${groupId}'. It was deleted, or its session is over.`;
  return new WadiError('UNKNOWN_MEMBER_ID', message, { field: 'instance' });
}

export function tooBusy({ groupId, name }: MemberName): WadiError {
  const message = `Too many calls of '${name}' of group '${groupId}' at once. Try again.`;
  return new WadiError('REQUEST_TIMED_OUT', message);
}
