import type { Clock } from '../../clock.ts';
import { withRetries } from '../../log/retry.ts';
import type { ItemStore } from '../../storage/ports.ts';
import { APPLICATIONS_PK, applicationItem, applicationKey, parseApplication } from './applicationItem.ts';
import type { ApplicationDescription } from './describeApplication.ts';

/** The applications of the cluster, as their workers tell of them. Throws StorageError. */
export interface Registry {
  /** Tells of it, unless that is known. Where workers of two versions run, the one that began last is believed. */
  register(description: ApplicationDescription): Promise<void>;
  /** `undefined`: none of its workers has run yet, or it was deleted. */
  find(applicationId: string): Promise<ApplicationDescription | undefined>;
  /** By their ids; up to `limit` of those behind `after`. */
  list(options: {
    readonly after?: string;
    readonly limit: number;
  }): Promise<readonly ApplicationDescription[]>;
}

export function createRegistry(items: ItemStore, clock: Clock): Registry {
  return {
    async register(description) {
      const item = applicationItem(description);
      const there = await withRetries(clock, () => items.get(applicationKey(description.applicationId)));
      if (there?.description !== item.description) await withRetries(clock, () => items.put(item));
    },

    async find(applicationId) {
      const item = await withRetries(clock, () => items.get(applicationKey(applicationId)));
      return item && parseApplication(item);
    },

    async list({ after, limit }) {
      const found: ApplicationDescription[] = [];
      for (let from = after && `${after}\0`; found.length < limit; ) {
        const query = { pk: APPLICATIONS_PK, ...(from && { from }), limit: limit - found.length };
        const page = await withRetries(clock, () => items.query(query));
        found.push(...page.items.map(parseApplication));
        if (page.lastSk === undefined) break;
        from = `${page.lastSk}\0`;
      }
      return found;
    },
  };
}
