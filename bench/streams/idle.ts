import { systemClock } from '../../lib/clock.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import type { Storage } from '../../lib/storage/ports.ts';
import { createStreamsWorker } from '../../lib/streams/runtime/worker.ts';
import { createWadi } from '../../lib/wadi.ts';
import { dollars, type Meter, metered, newMeter } from '../metering.ts';
import type { Cell } from '../table.ts';
import { wordCount } from './applications.ts';

const RUNS = 10;
const HOURS_A_MONTH = 730;

/** What an application that has nothing to do asks for in an hour, woken once in `everySeconds`. */
export async function idle(partitions: number, everySeconds: number): Promise<Cell[]> {
  const storage = memoryStorage();
  const [tasks, log, topics] = [newMeter(), newMeter(), newMeter()];
  let aheadMs = 0;
  const clock = { ...systemClock, now: () => Date.now() + aheadMs };
  const wadi = await createWadi({ storage: counted(storage, { tasks, log, topics }), clock });
  for (const name of ['input', 'output']) await wadi.topics.create({ name, partitions });
  const warn = (error: unknown) => {
    throw error;
  };
  const worker = createStreamsWorker(wadi, wordCount(), { warn });
  await worker.run(Number.MAX_SAFE_INTEGER);
  for (const meter of [tasks, log, topics]) Object.assign(meter, newMeter());
  for (let run = 0; run < RUNS; run++) {
    aheadMs += everySeconds * 1_000;
    await worker.run(Number.MAX_SAFE_INTEGER);
  }
  await storage.close();
  const perHour = (count: number) => (count / RUNS) * (3_600 / everySeconds);
  const all = [tasks, log, topics];
  const sum = (of: (meter: Meter) => number) => perHour(all.reduce((total, meter) => total + of(meter), 0));
  return [
    ...[`${partitions} partitions`, 2 * partitions, 3_600 / everySeconds],
    ...[tasks, log, topics].map(({ itemReads }) => perHour(itemReads)),
    sum(({ itemWrites }) => itemWrites),
    sum(({ objectPuts, objectGets, objectLists }) => objectPuts + objectGets + objectLists),
    `$${(sum(dollars) * HOURS_A_MONTH).toFixed(3)}`,
  ];
}

/** Each kind of item by a meter of its own. */
function counted(storage: Storage, meters: Record<'tasks' | 'log' | 'topics', Meter>): Storage {
  return {
    ...metered(storage, meters.log),
    groups: metered(storage, meters.tasks).groups,
    metadata: metered({ ...storage, groups: storage.metadata }, meters.topics).groups,
  };
}
