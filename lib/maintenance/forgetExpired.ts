import { withRetries } from '../log/retry.ts';
import type { Condition, ItemPage, ItemStore } from '../storage/ports.ts';
import type { JobContext } from './job.ts';
import { inBatches } from './pass.ts';

/**
 * Deletes the items of a `pk` that are beyond their time (`expiresAt`), as far as there is time, and returns how many: DynamoDB does so by
 * itself (TTL), the other stores do not. One that is written again meanwhile has another time, or none, and stays.
 */
export async function forgetExpired(
  { clock, limits, isOver }: JobContext,
  items: ItemStore,
  pk: string,
): Promise<number> {
  let forgotten = 0;
  for (let from: string | undefined; !isOver(); ) {
    const query = { pk, limit: limits.rowsPerPage, ...(from && { from }) };
    const page: ItemPage = await withRetries(clock, () => items.query(query));
    const now = clock.now() / 1_000;
    const expired = page.items.filter(
      ({ expiresAt }) => expiresAt !== undefined && (expiresAt as number) < now,
    );
    await inBatches(expired, limits.writesAtOnce, async ({ pk, sk, expiresAt }) => {
      const isAsRead: Condition = { path: ['expiresAt'], is: '=', value: expiresAt as number };
      const { applied } = await withRetries(clock, () => items.delete({ pk, sk }, isAsRead));
      if (applied) forgotten++;
    });
    if (page.lastSk === undefined) return forgotten;
    from = `${page.lastSk}\0`;
  }
  return forgotten;
}
