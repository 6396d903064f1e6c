import { createHash } from 'node:crypto';
import { topicResource } from '../acl/binding.ts';
import { atOnce } from '../atOnce.ts';
import { WadiError } from '../errors.ts';
import { withRetries } from '../log/retry.ts';
import type { Key } from '../storage/ports.ts';
import type { Topic } from '../topic/topic.ts';
import { randomUuid } from '../uuid.ts';
import { assign } from './assign/assign.ts';
import { resolver } from './assign/subscription.ts';
import type { GroupContext } from './context.ts';
import {
  type Division,
  decodeDivision,
  divisionKey,
  divisionName,
  divisionsBefore,
  encodeDivision,
} from './division.ts';
import { requireFits } from './fits.ts';
import { decodeGroup, type Group, groupKey, listedKey, newGroupItem, sweepIsDue } from './group.ts';
import type { AssignorName } from './groups.ts';
import { type Member, sessionIsOver } from './member.ts';
import { deleteMember, readMembers } from './members.ts';
import { isName } from './names.ts';

/** `undefined` also for what can be no name. */
export async function findGroup(
  { items, clock, limits }: GroupContext,
  groupId: string,
): Promise<Group | undefined> {
  if (!isName(groupId, limits)) return undefined;
  const item = await withRetries(clock, () => items.get(groupKey(groupId)));
  return item && decodeGroup(item);
}

/** Makes the group if there is none: listed first, so that none is there that no list shows. */
export async function ensureGroup(context: GroupContext, groupId: string): Promise<Group> {
  const { items, clock } = context;
  const known = await findGroup(context, groupId);
  if (known !== undefined) return known;
  const listed = { ...listedKey(groupId), stamp: randomUuid(clock) };
  await withRetries(clock, () => items.put(listed));
  const item = newGroupItem(groupId, clock.now());
  const outcome = await withRetries(clock, () => items.put(item, { missing: ['pk'] }));
  // Who deleted the group in between may have taken it off the list, but not any more.
  const listedAgain = { ...listed, stamp: randomUuid(clock) };
  if (outcome.applied) await withRetries(clock, () => items.put(listedAgain));
  return decodeGroup(outcome.item!);
}

/** Members have come or gone, or want something else: whoever calls next looks at once. Twice is no harm. */
export async function noteChange(context: GroupContext, groupId: string): Promise<void> {
  const { items, clock } = context;
  for (let attempt = 1; attempt <= 2; attempt++) {
    const add = [{ add: ['changes'], value: 1 }] as const;
    const { applied } = await withRetries(clock, () =>
      items.update(groupKey(groupId), add, { exists: ['changes'] }),
    );
    if (applied) return;
    await ensureGroup(context, groupId);
  }
}

/** The group, after its members were looked through if that was due and nobody else does. */
export async function currentGroup(context: GroupContext, groupId: string): Promise<Group> {
  const { items, clock, limits } = context;
  const group = await ensureGroup(context, groupId);
  const now = clock.now();
  if (!sweepIsDue(group, now, limits)) return group;
  const isAsSeen = { path: ['sweptAtMs'], is: '=', value: group.sweptAtMs } as const;
  const { applied, item } = await withRetries(clock, () =>
    items.update(groupKey(groupId), [{ set: ['sweptAtMs'], to: now }], isAsSeen),
  );
  if (item === undefined) return ensureGroup(context, groupId);
  return applied ? sweep(context, decodeGroup(item)) : decodeGroup(item);
}

/**
 * Puts out members whose session is over, and divides the partitions anew if members, subscriptions or topics are not those that
 * the division was made for. Any number may do so at once: of divisions of one epoch one counts.
 */
export async function sweep(context: GroupContext, group: Group): Promise<Group> {
  const { items, clock, limits } = context;
  const { groupId } = group;
  const all = await readMembers(context, groupId);
  const now = clock.now();
  const over = all.filter((member) => sessionIsOver(member, now));
  const gone = await atOnce(over, limits.atOnce, (member) => deleteMember(context, member));
  const members = all.filter((member) => !gone[over.indexOf(member)]);
  const dividing = members.filter(({ manual }) => !manual);

  const before = await readDivision(context, group);
  const wanted = await wantedBy(context, dividing, before);
  const isActive = members.length > 0 || group.members > 0;
  const sets = [
    { set: ['assigned'], to: group.changes } as const,
    { set: ['members'], to: members.length } as const,
    ...(isActive ? [{ set: ['activeMs'], to: now } as const] : []),
  ];
  const isAsSeen = { path: ['epoch'], is: '=', value: group.epoch } as const;

  const isNothing = before === undefined && dividing.length === 0;
  if (isNothing || before?.basis === wanted.basis) {
    if (group.changes === group.assigned && group.members === members.length) return group;
    const { item } = await withRetries(clock, () => items.update(groupKey(groupId), sets, isAsSeen));
    return item === undefined ? group : decodeGroup(item);
  }
  const name = divisionName(group.epoch + 1, randomUuid(clock));
  const division = await divide(context, divisionKey(groupId, name), wanted, before);
  const item = encodeDivision(division);
  requireFits(item, groupId);
  await withRetries(clock, () => items.put(item));
  const actions = [
    { set: ['epoch'], to: group.epoch + 1 } as const,
    { set: ['division'], to: name } as const,
    ...sets,
  ];
  const outcome = await withRetries(clock, () => items.update(groupKey(groupId), actions, isAsSeen));
  // It was deleted meanwhile: who still needs it makes it again.
  if (outcome.item === undefined) return group;
  const current = decodeGroup(outcome.item);
  if (current.division === name) await deleteOldDivisions(context, current);
  return current;
}

/** Those who have read the group before may still ask for one: then they read the group again. */
async function deleteOldDivisions({ items, clock, limits }: GroupContext, group: Group): Promise<void> {
  const query = { ...divisionsBefore(group.groupId, group.epoch), limit: limits.itemsPerRead };
  const { items: old } = await withRetries(clock, () => items.query(query));
  await atOnce(old, limits.atOnce, (item) => withRetries(clock, () => items.delete(item)));
}

/** `undefined` while there is none, or when another counts by now. */
export async function readDivision(
  { items, clock }: GroupContext,
  { groupId, division }: Group,
): Promise<Division | undefined> {
  if (division === '') return undefined;
  const item = await withRetries(clock, () => items.get(divisionKey(groupId, division)));
  return item && decodeDivision(item);
}

/** What a division is made for. */
interface Wanted {
  readonly assignor: AssignorName;
  readonly members: readonly { name: string; topics: readonly string[] }[];
  readonly topics: readonly Topic[];
  /** A digest of all that. */
  readonly basis: string;
}

/** The members with the ids of the topics that they are subscribed to, of those that are there; of a pattern's, that they may read. */
async function wantedBy(
  context: GroupContext,
  members: readonly Member[],
  before: Division | undefined,
): Promise<Wanted> {
  const { topics, limits, acls } = context;
  const subscriptions = members.flatMap(({ subscription }) => subscription ?? []);
  const names = [...new Set(subscriptions.flatMap((one) => ('topics' in one ? one.topics : [])))];
  const hasPattern = subscriptions.some((one) => 'pattern' in one);
  const found = hasPattern
    ? await topics.list()
    : await atOnce(names, limits.atOnce, (name) => topics.describe(name).catch(noneIfUnknown));
  const known = found.flatMap((topic) => topic ?? []);
  const idsOf = resolver(known);
  const nameOf = new Map(known.map(({ id, name }) => [id, name]));
  const resolved = await atOnce(members, limits.atOnce, async ({ name, subscription, caller }) => {
    if (subscription === undefined) return { name, topics: [] };
    const ids = idsOf(subscription);
    if (caller === undefined || 'topics' in subscription) return { name, topics: ids };
    const access = await acls.accessOf(caller);
    return { name, topics: ids.filter((id) => access.allows('READ', topicResource(nameOf.get(id)!))) };
  });
  const used = new Set(resolved.flatMap((member) => member.topics));
  const usedTopics = known.filter(({ id }) => used.has(id));
  const assignor = mostWanted(members) ?? before?.assignor ?? 'uniform';
  const sizes = usedTopics.map(({ id, partitions }) => `${id}/${partitions}`).toSorted();
  const wants = resolved.map((member) => JSON.stringify([member.name, member.topics.toSorted()])).toSorted();
  const digest = createHash('sha256').update(JSON.stringify([assignor, sizes, wants]));
  return { assignor, members: resolved, topics: usedTopics, basis: digest.digest('base64url') };
}

function noneIfUnknown(error: unknown): undefined {
  if (!(error instanceof WadiError)) throw error;
  if (error.kafka !== 'UNKNOWN_TOPIC_OR_PARTITION' && error.kafka !== 'INVALID_TOPIC_EXCEPTION') throw error;
}

/** The assignor that most members ask for; of several, the first by name. */
function mostWanted(members: readonly Member[]): AssignorName | undefined {
  const votes = new Map<AssignorName, number>();
  for (const { config } of members) votes.set(config.assignor, (votes.get(config.assignor) ?? 0) + 1);
  const [first] = [...votes].toSorted(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  return first?.[0];
}

async function divide(
  context: GroupContext,
  key: Key,
  { assignor, members, topics, basis }: Wanted,
  before: Division | undefined,
): Promise<Division> {
  const ends = new Map<string, readonly number[]>();
  for (const topic of assignor === 'load' ? topics : []) {
    const partitions = Array.from({ length: topic.partitions }, (_, partition) => partition);
    const bounds = await context.log.boundsOf(topic, partitions).catch(noneIfUnknown);
    ends.set(topic.id, bounds?.map(({ highWatermark }) => highWatermark) ?? []);
  }
  /** Records since the division before, or ever. */
  const loads = (topicId: string, partition: number): number =>
    (ends.get(topicId)?.[partition] ?? 0) - (before?.ends.get(topicId)?.[partition] ?? 0);
  const parts = assign(assignor, { members, topics, current: before?.parts ?? new Map(), loads });
  const divided = topics.map(({ id, name, partitions }) => ({ id, name, partitions }));
  return { key, assignor, basis, topics: divided, parts, ends, atMs: context.clock.now() };
}
