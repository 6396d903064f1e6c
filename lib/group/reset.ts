import { atOnce } from '../atOnce.ts';
import { WadiError } from '../errors.ts';
import type { GroupContext } from './context.ts';
import type { PartitionName, ResetResult, ResetSpec } from './groups.ts';
import { ownersOf } from './members.ts';
import { namedPositions } from './namedPositions.ts';
import { requireGroupId } from './names.ts';
import { offsetTo } from './offsetTo.ts';
import { isFree, type Position } from './position.ts';
import { readPositions, writePosition } from './positions.ts';
import { subscribers } from './subscribers.ts';
import { ensureGroup } from './sweep.ts';

/** See `Groups.reset`. */
export async function reset(
  context: GroupContext,
  groupId: string,
  partitions: readonly PartitionName[],
  to: ResetSpec,
  { dryRun = false }: { dryRun?: boolean } = {},
): Promise<ResetResult[]> {
  const { limits, clock } = context;
  requireGroupId(groupId, limits, 'consumer_group_id');
  const positions = await namedPositions(context, groupId, partitions);
  const offsets = await atOnce(positions, limits.atOnce, (position) => target(context, position, to));
  const [member] = await subscribers(context, groupId);
  if (member !== undefined) throw nonEmpty(groupId, member.name);
  await requireFree(context, groupId, positions);
  const results = positions.map(({ topic, partition, offset: before }, i) => {
    return { topic, partition, before, offset: offsets[i]! };
  });
  if (dryRun) return results;
  await ensureGroup(context, groupId);
  const pairs = positions.map((position, i) => [position, offsets[i]!] as const);
  await atOnce(pairs, limits.atOnce, async ([position, offset]) => {
    let before = position;
    for (let attempt = 1; attempt <= limits.attempts; attempt++) {
      const nobody = { owner: '', ownerName: '', epoch: before.epoch + 1, metadata: '' };
      const moved = { ...before, ...nobody, offset, committedAtMs: clock.now() };
      if (await writePosition(context, groupId, before, moved)) return;
      [before] = (await readPositions(context, groupId, [position])) as [Position];
      await requireFree(context, groupId, [before]);
    }
    throw new WadiError('REQUEST_TIMED_OUT', 'Too many commits at once. Try again.');
  });
  return results;
}

/** Throws NON_EMPTY_GROUP if somebody who came meanwhile holds one of the partitions. */
async function requireFree(
  context: GroupContext,
  groupId: string,
  positions: readonly Position[],
): Promise<void> {
  const owners = await ownersOf(context, groupId, positions);
  const taken = positions.find((position) => !isFree(position, owners.get(position.ownerName)));
  if (taken !== undefined) throw nonEmpty(groupId, taken.ownerName);
}

function nonEmpty(groupId: string, name: string): WadiError {
  const message = `Group '${groupId}' has members ('${name}'): they must leave first.`;
  return new WadiError('NON_EMPTY_GROUP', message, { field: 'consumer_group_id' });
}

async function target(
  { log, topics }: GroupContext,
  { topic, partition, offset }: Position,
  to: ResetSpec,
): Promise<number> {
  return offsetTo(log, await topics.lookup(topic), partition, { from: offset, to });
}
