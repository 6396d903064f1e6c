import { withRetries } from '../log/retry.ts';
import type { GroupContext } from './context.ts';
import { GROUPS_PK } from './group.ts';
import type { GroupSummary } from './groups.ts';

/** See `Groups.list`. */
export async function listGroups(
  { items, clock, limits }: GroupContext,
  { after, limit = limits.groupsPerList }: { after?: string; limit?: number } = {},
): Promise<GroupSummary[]> {
  const found: GroupSummary[] = [];
  for (let from = after && `${after}\0`; found.length < limit; ) {
    const query = { pk: GROUPS_PK, ...(from && { from }), limit: limit - found.length };
    const page = await withRetries(clock, () => items.query(query));
    for (const { sk } of page.items) found.push({ groupId: sk });
    if (page.lastSk === undefined) break;
    from = `${page.lastSk}\0`;
  }
  return found;
}
