import type { Clock } from '../clock.ts';
import type { ItemStore, Key } from '../storage/ports.ts';
import { epochPrefix } from './epochItems.ts';

export interface ArrivedLimits {
  /** Regions are asked so often, */
  readonly pollMs: number;
  /** and for so long: what is lost while items take longer than that may be lost for good. */
  readonly waitMs: number;
}

export const ARRIVED_LIMITS: ArrivedLimits = { pollMs: 100, waitMs: 5_000 };

/**
 * Resolves when all of these regions show the items in their own copies of the table, those that do not answer left out, or after `waitMs`: see
 * RollContext. Never rejects.
 */
export function createArrived(
  copies: readonly Pick<ItemStore, 'getMany'>[],
  epoch: number,
  clock: Clock,
  limits: ArrivedLimits = ARRIVED_LIMITS,
): (keys: readonly Key[]) => Promise<void> {
  async function shows(copy: Pick<ItemStore, 'getMany'>, keys: readonly Key[]): Promise<boolean> {
    try {
      return (await copy.getMany(keys)).every((item) => item !== undefined);
    } catch {
      return true;
    }
  }

  return async (keys) => {
    const wanted = keys.map(({ pk, sk }) => ({ pk: epochPrefix(epoch) + pk, sk }));
    const untilMs = clock.now() + limits.waitMs;
    for (let left = [...copies]; ; ) {
      const shown = await Promise.all(left.map((copy) => shows(copy, wanted)));
      left = left.filter((_, i) => !shown[i]);
      if (left.length === 0 || clock.now() >= untilMs) return;
      await clock.sleep(limits.pollMs);
    }
  };
}
