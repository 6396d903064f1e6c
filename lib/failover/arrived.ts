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

type Copy = Pick<ItemStore, 'getMany'>;

/**
 * Resolves when all of these regions show the items in their own copies of the table, or after `waitMs`: see RollContext. One that has not answered for
 * as long is not waited for, until it answers again. Never rejects.
 */
export function createArrived(
  copies: readonly Copy[],
  epoch: number,
  clock: Clock,
  limits: ArrivedLimits = ARRIVED_LIMITS,
): (keys: readonly Key[]) => Promise<void> {
  const answeredAtMs = new Map(copies.map((copy) => [copy, clock.now()]));

  async function shows(copy: Copy, keys: readonly Key[]): Promise<boolean> {
    try {
      const items = await copy.getMany(keys);
      answeredAtMs.set(copy, clock.now());
      return items.every((item) => item !== undefined);
    } catch {
      return clock.now() - answeredAtMs.get(copy)! > limits.waitMs;
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
