import { plan } from '../../../lib/maintenance/planner.ts';
import { work } from '../../../lib/maintenance/worker.ts';
import { createInProcessQueue } from '../../../lib/queue/inProcess.ts';
import { count } from '../faults.ts';
import type { Random } from '../random.ts';
import { smallMaintenanceLimits } from '../scenario.ts';
import { type Stage, sleep } from './stage.ts';

/** Of one plan. */
const MOST_MESSAGES = 1_000;

/** Keeps house meanwhile, on storage that never fails: changelogs are merged and compacted under the workers. */
export async function keepHouse(stage: Stage, random: Random, untilMs: number): Promise<void> {
  while (stage.world.nowMs < untilMs) {
    await sleep(stage, random.between(200, 5_000));
    await keepOnce(stage, random);
  }
}

export async function keepOnce(
  { whole, unexpected, weather: { coverage } }: Stage,
  random: Random,
): Promise<void> {
  const queue = createInProcessQueue();
  const limits = { ...smallMaintenanceLimits(random), settleMs: 0, quietMs: random.pick([100, 5_000]) };
  const warn = (error: unknown) => unexpected.push(`keeping house: ${error}`);
  const wadi = { ...whole, queue };
  await plan(wadi, limits);
  for (let n = 0; n < MOST_MESSAGES; n++) {
    const message = queue.take();
    if (message === undefined) return;
    const worked = await work(wadi, message, { limits, warn });
    count(coverage, 'rowsCleaned', worked?.counts.rowsCompacted ?? 0);
    count(coverage, 'tombstonesRemoved', worked?.counts.tombstonesRemoved ?? 0);
  }
}
