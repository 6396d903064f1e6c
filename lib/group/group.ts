import type { Item, Key } from '../storage/ports.ts';
import { groupPk } from './member.ts';

/**
 * What every call of a member reads, so it is small:
 *
 *   pk group/<groupId>   sk group
 *   epoch      counted up with each new division
 *   division   the name of the one that counts; '' while there is none
 *   changes    counted up by whoever joins, leaves or changes a subscription
 *   assigned   the changes that the division knows of
 *   sweptAtMs  when the members were last looked through, or somebody set out to
 *   members    how many there were
 *   activeMs   when there was a member last, as far as a sweep saw
 */
export interface Group {
  readonly groupId: string;
  readonly epoch: number;
  readonly division: string;
  readonly changes: number;
  readonly assigned: number;
  readonly sweptAtMs: number;
  readonly members: number;
  readonly activeMs: number;
}

/** All groups, by name. `stamp`: of whoever listed it last, so that it is not taken off the list by one who has not seen that. */
export const GROUPS_PK = 'groups';

export function groupKey(groupId: string): Key {
  return { pk: groupPk(groupId), sk: 'group' };
}

export function listedKey(groupId: string): Key {
  return { pk: GROUPS_PK, sk: groupId };
}

export function newGroupItem(groupId: string, now: number): Item {
  const nothing = { epoch: 0, division: '', changes: 0, assigned: 0, sweptAtMs: 0, members: 0 };
  return { ...groupKey(groupId), ...nothing, activeMs: now };
}

export function decodeGroup(item: Item): Group {
  const { pk, sk: _, ...group } = item as Item & Group;
  return { ...group, groupId: pk.slice(groupPk('').length) };
}

/** Whether whoever calls should look through the members. Clocks may be apart: what lies ahead is as good as long ago. */
export function sweepIsDue(
  { changes, assigned, sweptAtMs }: Group,
  now: number,
  { sweepMs, changedMs }: { sweepMs: number; changedMs: number },
): boolean {
  const sinceMs = Math.abs(now - sweptAtMs);
  return sinceMs >= (changes > assigned ? changedMs : sweepMs);
}
