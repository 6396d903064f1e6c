import { atOnce } from '../atOnce.ts';
import { WadiError } from '../errors.ts';
import { withRetries } from '../log/retry.ts';
import { allItems } from '../storage/allItems.ts';
import type { GroupContext } from './context.ts';
import { requireGroup } from './describeGroup.ts';
import { divisionsOf } from './division.ts';
import { type Group, groupKey, listedKey } from './group.ts';
import { ownersOf, readMembers } from './members.ts';
import { isName } from './names.ts';
import { isFree } from './position.ts';
import { deletePosition, readAllPositions } from './positions.ts';
import { ensureGroup, findGroup, sweep } from './sweep.ts';

/**
 * See `Groups.delete`. Positions go first, each only if nobody has claimed or committed it meanwhile; and the name last, so that
 * one who died half way through finds the group again.
 */
export async function deleteGroup(context: GroupContext, groupId: string): Promise<void> {
  const found = (await findListed(context, groupId)) ?? (await requireGroup(context, groupId));
  const group = await sweep(context, found);
  await requireEmpty(context, groupId);
  await forget(context, group);
}

/** Makes the group again if only its name is left, since who deleted it died. */
export async function findListed(context: GroupContext, groupId: string): Promise<Group | undefined> {
  const { items, clock, limits } = context;
  const known = await findGroup(context, groupId);
  if (known !== undefined || !isName(groupId, limits)) return known;
  const listed = await withRetries(clock, () => items.get(listedKey(groupId)));
  return listed && ensureGroup(context, groupId);
}

async function requireEmpty(context: GroupContext, groupId: string): Promise<void> {
  if ((await readMembers(context, groupId)).length === 0) return;
  throw new WadiError('NON_EMPTY_GROUP', `Group '${groupId}' has members: they must leave first.`, {
    field: 'consumer_group_id',
  });
}

/**
 * Takes away what is left of a group without members. One who joins meanwhile makes it anew, or finds all but positions. Throws
 * NON_EMPTY_GROUP if somebody has joined since, and keeps what is held by then.
 */
export async function forget(context: GroupContext, { groupId, changes, epoch }: Group): Promise<void> {
  const { items, clock, limits } = context;
  const listed = await withRetries(clock, () => items.get(listedKey(groupId)));
  const positions = await readAllPositions(context, groupId);
  const owners = await ownersOf(context, groupId, positions);
  if (!positions.every((position) => isFree(position, owners.get(position.ownerName)))) throw joined(groupId);
  await atOnce(positions, limits.atOnce, (position) => deletePosition(context, groupId, position));
  const divisions = await allItems(items, clock, { ...divisionsOf(groupId), limit: limits.itemsPerRead });
  const isAsSeen = {
    all: [
      { path: ['changes'], is: '=', value: changes },
      { path: ['epoch'], is: '=', value: epoch },
    ],
  } as const;
  const { applied, item } = await withRetries(clock, () => items.delete(groupKey(groupId), isAsSeen));
  if (!applied && item !== undefined) throw joined(groupId);
  await atOnce(divisions, limits.atOnce, (item) => withRetries(clock, () => items.delete(item)));
  if (listed === undefined) return;
  const isListedSo = { path: ['stamp'], is: '=', value: listed.stamp as string } as const;
  await withRetries(clock, () => items.delete(listed, isListedSo));
}

function joined(groupId: string): WadiError {
  return new WadiError('NON_EMPTY_GROUP', `Somebody has joined group '${groupId}'.`);
}
