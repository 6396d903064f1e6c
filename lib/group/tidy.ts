import { atOnce } from '../atOnce.ts';
import { WadiError } from '../errors.ts';
import type { GroupContext } from './context.ts';
import { findListed, forget } from './deleteGroup.ts';
import { deletePosition, forgetMarks, readAllPositions } from './positions.ts';
import { sweep } from './sweep.ts';

/** See `Groups.tidy`. */
export async function tidy(
  context: GroupContext,
  groupId: string,
  retentionMs: number,
): Promise<{ positionsDeleted: number; groupsDeleted: number }> {
  const nothing = { positionsDeleted: 0, groupsDeleted: 0 };
  const found = await findListed(context, groupId);
  if (found === undefined) return nothing;
  const group = await sweep(context, found);
  await forgetMarks(context, groupId);
  const positions = await readAllPositions(context, groupId);
  if (group.members === 0) {
    const now = context.clock.now();
    const newestMs = positions.reduce((newest, { committedAtMs }) => Math.max(newest, committedAtMs), 0);
    if (now - Math.max(group.activeMs, newestMs) > retentionMs) {
      await forget(context, group);
      return { positionsDeleted: positions.length, groupsDeleted: 1 };
    }
  }
  const topics = new Map<string, string>(positions.map(({ topicId, topic }) => [topicId, topic]));
  const gone = new Set<string>();
  for (const [topicId, name] of topics) if (await isGone(context, topicId, name)) gone.add(topicId);
  const old = positions.filter(({ topicId }) => gone.has(topicId));
  await atOnce(old, context.limits.atOnce, (position) => deletePosition(context, groupId, position));
  return { ...nothing, positionsDeleted: old.length };
}

async function isGone({ topics }: GroupContext, topicId: string, name: string): Promise<boolean> {
  try {
    return (await topics.describe(name)).id !== topicId;
  } catch (error) {
    if (error instanceof WadiError && error.kafka === 'UNKNOWN_TOPIC_OR_PARTITION') return true;
    throw error;
  }
}
