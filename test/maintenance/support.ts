import type { Clock } from '../../lib/clock.ts';
import { createLog } from '../../lib/log/createLog.ts';
import { LIMITS } from '../../lib/log/limits.ts';
import type { Log, LogTopic } from '../../lib/log/log.ts';
import { collectGarbage } from '../../lib/maintenance/collectGarbage.ts';
import type { GarbageCursor } from '../../lib/maintenance/garbage.ts';
import { MAINTENANCE_LIMITS, type MaintenanceLimits } from '../../lib/maintenance/limits.ts';
import type { CollectedGarbage } from '../../lib/maintenance/pass.ts';
import type { Item, Storage } from '../../lib/storage/ports.ts';
import { append, batch, newTopic, readAll, startLog, testClock } from '../support/log.ts';

export const MINUTE = 60_000;
/** So few of everything that ten appends meet every bound. */
export const SMALL: MaintenanceLimits = {
  ...MAINTENANCE_LIMITS,
  candidatesPerWindow: 3,
  rowsPerPage: 2,
  pagesPerStep: 1,
  stepsPerCall: 2,
  writesAtOnce: 2,
};

/** Rolls four entries at a time. */
export function rollingLog(storage: Storage, clock: Clock): Log {
  return createLog({ storage, clock, limits: { ...LIMITS, entriesPerRoll: 4, maxEntriesPerRoll: 4 } });
}

/** Every other record is large, and rests in an object. */
export function valueAt(partition: number, i: number): string {
  return `${partition}/${i}${i % 2 === 0 ? '' : '.'.repeat(4_000)}`;
}

export interface Written {
  readonly topic: LogTopic;
  readonly log: Log;
  readonly clock: ReturnType<typeof testClock>;
  /** Appends one record to each partition, and lets those that are due be rolled. */
  write(count: number): Promise<void>;
  /** All that was written is there from the log start on, read by a process that knows nothing. */
  expectWhole(): Promise<void>;
}

export async function written(storage: Storage, count: number, partitions = 2): Promise<Written> {
  const clock = testClock(100 * MINUTE);
  const log = rollingLog(storage, clock);
  const topic = await newTopic(log, partitions, 2);
  let next = 0;
  const world: Written = {
    topic,
    log,
    clock,
    async write(more) {
      for (const end = next + more; next < end; next++) {
        for (let p = 0; p < partitions; p++) await append(log, topic, p, batch([valueAt(p, next)]));
        clock.advance(100);
        await log.settled();
      }
    },
    async expectWhole() {
      const reader = startLog(storage, clock);
      for (let p = 0; p < partitions; p++) {
        const { logStartOffset, highWatermark } = await reader.bounds(topic, p);
        expect(highWatermark).toBe(next);
        const expected = Array.from({ length: next }, (_, i) => [i, valueAt(p, i)]).slice(logStartOffset);
        expect(await readAll(reader, topic, p, { from: logStartOffset })).toEqual(expected);
      }
    },
  };
  await world.write(count);
  return world;
}

/** One whole pass, call by call, each cursor as it comes out of a queue. */
export async function collect(
  storage: Storage,
  { topic, clock }: Pick<Written, 'topic' | 'clock'>,
  { graceMs = MINUTE, limits = MAINTENANCE_LIMITS }: { graceMs?: number; limits?: MaintenanceLimits } = {},
): Promise<CollectedGarbage & { calls: number }> {
  const context = { objects: storage.objects, items: storage.log, clock, limits };
  const total = {
    floorsRaised: 0,
    objects: 0,
    objectBytes: 0,
    inlineItems: 0,
    inlineBytes: 0,
    indexRows: 0,
    segments: 0,
    segmentBytes: 0,
    marks: 0,
  };
  let cursor: GarbageCursor | undefined;
  for (let calls = 1; ; calls++) {
    if (calls > 5_000) throw new Error('the pass does not end');
    const collected = await collectGarbage(context, topic, { graceMs, ...(cursor && { cursor }) });
    for (const count of Object.keys(total) as (keyof typeof total)[]) total[count] += collected[count];
    if (collected.cursor === undefined) return { ...total, calls };
    cursor = JSON.parse(JSON.stringify(collected.cursor)) as GarbageCursor;
  }
}

/** What is stored of a topic. */
export async function stored(storage: Storage, topic: LogTopic) {
  const { objects } = await storage.objects.list(`${topic.id}/blobs/`, { limit: 1_000 });
  const heads = Math.ceil(topic.partitions / topic.partitionsPerHead);
  const inline: Item[] = [];
  for (let head = 0; head < heads; head++) {
    inline.push(...(await storage.log.query({ pk: `inline/${topic.id}/${head}`, limit: 1_000 })).items);
  }
  return { objects: objects.map(({ key }) => key), inline: inline.map(({ sk }) => sk) };
}

/** Those that are no marks. */
export async function liveRowsOf(storage: Storage, topic: LogTopic, partition = 0): Promise<Item[]> {
  return (await rowsOf(storage, topic, partition)).filter(({ absorbed }) => absorbed === undefined);
}

export async function rowsOf(storage: Storage, topic: LogTopic, partition = 0): Promise<Item[]> {
  return (await storage.log.query({ pk: `index/${topic.id}/${partition}`, limit: 1_000 })).items;
}
