import { compare } from './bounds.ts';
import { describe, ms } from './describe.ts';
import type { Partition, Sighting } from './partition.ts';
import type { Check } from './property.ts';

interface Step {
  /** The end of the log that it made or saw. */
  readonly position: number;
  readonly append: boolean;
  readonly by: Sighting;
  readonly invokedAtMs: number;
  readonly returnedAtMs: number;
}

/**
 * The log is the order in which everything took place: an append where it ends, a read where it saw the end. That order
 * must agree with the clock: nothing may have begun after something later in it was done. Reads that contradict each
 * other are left to "log start and high watermark never go back".
 */
export const isLinearizable: Check = (partition, violation) => {
  const steps = stepsOf(partition).sort(
    (a, b) =>
      a.position - b.position || Number(b.append) - Number(a.append) || compare(a.invokedAtMs, b.invokedAtMs),
  );
  let lastBegun: Step | undefined;
  let lastBegunAppend: Step | undefined;
  // One that is out of place is so to many others: the first is enough.
  let told: Step | undefined;
  for (const step of steps) {
    const before = step.append ? lastBegun : lastBegunAppend;
    if (before !== undefined && before.invokedAtMs > step.returnedAtMs && before !== told) {
      told = before;
      violation(
        `${at(step)} was done at ${ms(step.returnedAtMs)} ms, before ${at(before)} began at ${ms(before.invokedAtMs)} ms`,
      );
    }
    if (lastBegun === undefined || step.invokedAtMs > lastBegun.invokedAtMs) lastBegun = step;
    if (step.append && (lastBegunAppend === undefined || step.invokedAtMs > lastBegunAppend.invokedAtMs)) {
      lastBegunAppend = step;
    }
  }
  return steps.length;
};

function stepsOf({ batches, fetches, bounds }: Partition): Step[] {
  const steps: Step[] = [];
  for (const { records, attempts, invokedAtMs, returnedAtMs, acknowledgedBy } of batches) {
    const { offset } = records.at(-1)!;
    // Not seen, it did not take place; seen though all attempts failed, another property speaks.
    if (offset === -1 || invokedAtMs === Infinity) continue;
    const by = acknowledgedBy ?? attempts[0]!;
    steps.push({ position: offset + 1, append: true, by, invokedAtMs, returnedAtMs });
  }
  for (const by of [...fetches, ...bounds]) {
    const { outcome, invokedAtMs, returnedAtMs } = by;
    if (outcome.is !== 'ok') continue;
    steps.push({ position: outcome.highWatermark, append: false, by, invokedAtMs, returnedAtMs });
  }
  return steps;
}

function at({ position, append, by }: Step): string {
  return `${describe(by)}, ${append ? 'which ends' : 'which saw the end'} at ${position},`;
}
