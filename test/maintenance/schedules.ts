import type { Clock } from '../../lib/clock.ts';
import { DUE_PK, parseDueKey } from '../../lib/log/due.ts';
import { LIMITS, type LogLimits } from '../../lib/log/limits.ts';
import { LEASE_PK } from '../../lib/maintenance/lease.ts';
import { MAINTENANCE_LIMITS } from '../../lib/maintenance/limits.ts';
import { plan } from '../../lib/maintenance/planner.ts';
import { type Worked, type WorkerOptions, work } from '../../lib/maintenance/worker.ts';
import { createInProcessQueue, type InProcessQueue } from '../../lib/queue/inProcess.ts';
import type { Item, Storage } from '../../lib/storage/ports.ts';
import type { Topic } from '../../lib/topic/topic.ts';
import { createWadi, type Wadi } from '../../lib/wadi.ts';
import { append, batch, readAll, testClock } from '../support/log.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Rolls four entries at a time. */
export const LOG_LIMITS: LogLimits = { ...LIMITS, entriesPerRoll: 4, maxEntriesPerRoll: 4 };

/** A process of a cluster, with planner and workers that run when they are told. */
export interface Keeper {
  readonly wadi: Wadi;
  readonly queue: InProcessQueue;
  /** Plans, then works until no message is left. */
  keep(): Promise<Worked[]>;
}

export async function startKeeper(
  storage: Storage,
  clock: Clock,
  options: WorkerOptions = {},
): Promise<Keeper> {
  const queue = createInProcessQueue();
  const limits = options.limits ?? MAINTENANCE_LIMITS;
  const wadi = await createWadi({ storage, clock, queue, limits: LOG_LIMITS, clusterId: 'kept' });
  return {
    wadi,
    queue,
    async keep() {
      await plan(wadi, limits);
      return drain(wadi, queue, options);
    },
  };
}

export async function drain(
  wadi: Wadi,
  queue: InProcessQueue,
  options: WorkerOptions = {},
): Promise<Worked[]> {
  const all: Worked[] = [];
  for (let messages = 0; ; messages++) {
    const message = queue.take();
    if (message === undefined) return all;
    if (messages > 10_000) throw new Error('the queue does not run dry');
    const worked = await work(wadi, message, { logLimits: LOG_LIMITS, ...options });
    if (worked !== undefined) all.push(worked);
  }
}

/** Keeps house every 5 minutes, as the schedule does. */
export async function keepFor(
  { keep }: Keeper,
  clock: ReturnType<typeof testClock>,
  forMs: number,
): Promise<Worked[]> {
  const all: Worked[] = [];
  for (const end = clock.now() + forMs; clock.now() < end; clock.advance(5 * MINUTE))
    all.push(...(await keep()));
  return all;
}

export interface House {
  readonly storage: Storage;
  readonly clock: ReturnType<typeof testClock>;
  readonly keeper: Keeper;
  readonly topic: Topic;
  write(count: number): Promise<void>;
  /** Every record is there, at its offset. */
  expectWhole(): Promise<void>;
}

export async function house(
  storage: Storage,
  {
    partitions = 2,
    configs = {},
    ...options
  }: WorkerOptions & { partitions?: number; configs?: Record<string, string> } = {},
): Promise<House> {
  const clock = testClock(Date.UTC(2026, 0, 1, 9, 1));
  const keeper = await startKeeper(storage, clock, options);
  const { log, topics } = keeper.wadi;
  const topic = await topics.create({
    name: 'orders',
    partitions,
    configs: { 'partitions.per.head': '2', ...configs },
  });
  let next = 0;
  return {
    storage,
    clock,
    keeper,
    topic,
    async write(more) {
      for (const end = next + more; next < end; next++) {
        for (let p = 0; p < partitions; p++) {
          await append(log, topic, p, batch([`${p}/${next}`], { timestamp: clock.now() }));
        }
        clock.advance(100);
        await log.settled();
      }
    },
    async expectWhole() {
      const reader = await createWadi({ storage, clock, clusterId: 'kept' });
      for (let p = 0; p < partitions; p++) {
        const { logStartOffset } = await reader.log.bounds(topic, p);
        const all = Array.from({ length: next }, (_, i) => [i, `${p}/${i}`]);
        expect(await readAll(reader.log, topic, p, { from: logStartOffset })).toEqual(
          all.slice(logStartOffset),
        );
      }
    },
  };
}

export async function group(storage: Storage, pk: string): Promise<Item[]> {
  return (await storage.log.query({ pk, limit: 1_000 })).items;
}

/** Units that are due, whenever, without what is done once a day: the sweep, and the collection of marks. */
export async function dueUnits(storage: Storage): Promise<string[]> {
  const due = (await group(storage, DUE_PK)).map(parseDueKey);
  return due.filter(({ dueAtMs }) => dueAtMs % DAY !== 0).map(({ unit }) => unit);
}

export async function leases(storage: Storage): Promise<Item[]> {
  return group(storage, LEASE_PK);
}

/** Rows that are no marks. */
export async function rowsOf(storage: Storage, topic: Topic, partition: number): Promise<Item[]> {
  const rows = await group(storage, `index/${topic.id}/${partition}`);
  return rows.filter(({ absorbed }) => absorbed === undefined);
}
