import { atOnce } from '../lib/atOnce.ts';
import { logError } from '../lib/logError.ts';
import type { Wadi } from '../lib/wadi.ts';

/** How many records a group is behind. */
export interface GroupLag {
  readonly groupId: string;
  /** Of all its partitions, */
  readonly lag: number;
  /** and of that one which is the furthest. */
  readonly maxLag: number;
}

export interface LagOptions {
  readonly groups: readonly string[];
  readonly report: (lag: GroupLag) => void;
}

const GROUPS_AT_ONCE = 4;

/**
 * Called by the clock: tells how far each of these groups is behind. Of one that is not there, or that reads nothing, nothing is reported,
 * so that a name that was misspelt does not look as if it kept up. What fails is logged and holds up no other; it never rejects.
 */
export const createHandler =
  ({ groups }: Pick<Wadi, 'groups'>, { groups: groupIds, report }: LagOptions) =>
  async (): Promise<readonly GroupLag[]> => {
    const measured = await atOnce(groupIds, GROUPS_AT_ONCE, async (groupId) => {
      try {
        const lags = (await groups.lags(groupId)).map(({ lag }) => lag);
        if (lags.length === 0) throw new Error(`Group '${groupId}' has no partitions and no positions.`);
        const found: GroupLag = {
          groupId,
          lag: lags.reduce((sum, lag) => sum + lag),
          maxLag: lags.reduce((max, lag) => Math.max(max, lag)),
        };
        report(found);
        return [found];
      } catch (error) {
        logError(error);
        return [];
      }
    });
    return measured.flat();
  };
