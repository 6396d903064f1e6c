import type { Clock } from '../../clock.ts';
import { withRetries } from '../../log/retry.ts';
import type { Condition, ItemStore } from '../../storage/ports.ts';
import { APPLICATIONS_PK, applicationKey, parseApplication, type Registered } from './applicationItem.ts';
import type { ApplicationDescription } from './describeApplication.ts';

/** The applications of the cluster, as their workers tell of them. Throws StorageError. */
export interface Registry {
  /**
   * Tells of it, unless that is known. Where workers of two versions run, the one that began last is believed; one that is in no function leaves the
   * function that is known.
   */
  register(description: ApplicationDescription): Promise<void>;
  /** `undefined`: none of its workers has run yet, or it was deleted. */
  find(applicationId: string): Promise<Registered | undefined>;
  /** By their ids; up to `limit` of those behind `after`. */
  list(options: { readonly after?: string; readonly limit: number }): Promise<readonly Registered[]>;
  /**
   * Marks it as being reset: no task of it that has committed no step yet is worked on. Another that marked it before does so no
   * more. Returns what `release` and `forget` ask for; `undefined` if there is none of that id.
   */
  hold(applicationId: string): Promise<string | undefined>;
  /** Takes the mark away, unless it is another's by now. */
  release(applicationId: string, mark: string): Promise<void>;
  /** Takes the application away, unless the mark is another's by now. */
  forget(applicationId: string, mark: string): Promise<void>;
}

export function createRegistry(items: ItemStore, clock: Clock): Registry {
  return {
    async register(description) {
      const key = applicationKey(description.applicationId);
      const there = await withRetries(clock, () => items.get(key));
      const { functionName = there && parseApplication(there).functionName } = description;
      const text = JSON.stringify({ ...description, ...(functionName !== undefined && { functionName }) });
      if (there?.description === text) return;
      await withRetries(clock, () => items.update(key, [{ set: ['description'], to: text }]));
    },

    async find(applicationId) {
      const item = await withRetries(clock, () => items.get(applicationKey(applicationId)));
      return item && parseApplication(item);
    },

    async list({ after, limit }) {
      const found: Registered[] = [];
      for (let from = after && `${after}\0`; found.length < limit; ) {
        const query = { pk: APPLICATIONS_PK, ...(from && { from }), limit: limit - found.length };
        const page = await withRetries(clock, () => items.query(query));
        found.push(...page.items.map(parseApplication));
        if (page.lastSk === undefined) break;
        from = `${page.lastSk}\0`;
      }
      return found;
    },

    async hold(applicationId) {
      const key = applicationKey(applicationId);
      const mark = Buffer.from(clock.random(8)).toString('hex');
      const actions = [{ set: ['resetting'], to: mark }] as const;
      const { applied } = await withRetries(clock, () => items.update(key, actions, { exists: ['pk'] }));
      return applied ? mark : undefined;
    },

    async release(applicationId, mark) {
      const key = applicationKey(applicationId);
      await withRetries(clock, () => items.update(key, [{ remove: ['resetting'] }], marked(mark)));
    },

    async forget(applicationId, mark) {
      await withRetries(clock, () => items.delete(applicationKey(applicationId), marked(mark)));
    },
  };
}

const marked = (mark: string): Condition => ({ path: ['resetting'], is: '=', value: mark });
