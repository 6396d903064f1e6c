import { LIMITS } from '../../../lib/log/limits.ts';
import { compactPartition } from '../../../lib/maintenance/compactPartition.ts';
import { encodeBatch } from '../../../lib/record/encode.ts';
import { partitionOfKey } from '../../../lib/record/partitioner.ts';
import { memoryStorage } from '../../../lib/storage/memory/memory.ts';
import type { Storage } from '../../../lib/storage/ports.ts';
import { StreamsBuilder, sessionWindows, timeWindows } from '../../../lib/streams/index.ts';
import { QUERY_LIMITS, type QueryLimits } from '../../../lib/streams/queries/limits.ts';
import {
  createStateStores,
  type QueriedStore,
  type StateStores,
} from '../../../lib/streams/queries/stateStores.ts';
import { createRegistry } from '../../../lib/streams/registry/registry.ts';
import type { StreamsApplication } from '../../../lib/streams/runtime/application.ts';
import { STREAMS_LIMITS } from '../../../lib/streams/runtime/limits.ts';
import { createStreamsWorker } from '../../../lib/streams/runtime/worker.ts';
import { Serdes } from '../../../lib/streams/serdes.ts';
import { createWadi, type Wadi } from '../../../lib/wadi.ts';
import { TINY } from '../../maintenance/compaction.ts';
import { testClock } from '../../support/log.ts';

const { string } = Serdes;

/** So that there is something to compact. */
const ROLLING = { ...LIMITS, entriesPerRoll: 1, maxEntriesPerRoll: 2, holdMs: 0, busyHoldMs: 0 };

/** Steps and snapshots of a few records, a part for each key or two. */
export const FEW = {
  ...STREAMS_LIMITS,
  recordsPerStep: 5,
  inlineBytes: 300,
  snapshotRecords: 1,
  snapshotPartBytes: 20,
};

/** The last value of each key; how many there are, in windows and in sessions. */
export function threeStores(): StreamsApplication {
  const builder = new StreamsBuilder();
  const input = builder.stream('in', { keySerde: string, valueSerde: string });
  input.toTable({ storeName: 'table' });
  const grouped = input.groupByKey();
  grouped.windowedBy(timeWindows({ sizeMs: 10, advanceMs: 5, graceMs: 5 })).count({ storeName: 'windows' });
  grouped.windowedBy(sessionWindows({ inactivityGapMs: 4, graceMs: 5 })).count({ storeName: 'sessions' });
  return { applicationId: 'app', topology: builder.build() };
}

export interface Input {
  readonly key: string;
  /** `null`: the table has it no more. */
  readonly value: string | null;
  readonly timestamp: number;
  /** Its key's unless given. */
  readonly partition?: number;
}

export interface World {
  readonly clock: ReturnType<typeof testClock>;
  readonly storage: Storage;
  readonly wadi: Wadi;
  produce(inputs: readonly Input[]): Promise<void>;
  /** A worker that begins now, until there is nothing to do. */
  work(): Promise<void>;
  /** Changelogs, of all that can go. */
  compact(): Promise<void>;
  /** A process that has nothing at hand. */
  cold(limits?: Partial<QueryLimits>, storage?: Storage): Promise<StateStores>;
  store(name: string): Promise<QueriedStore>;
  close(): Promise<void>;
}

export async function queryWorld(application = threeStores(), partitions = 2, limits = FEW): Promise<World> {
  const clock = testClock();
  const storage = memoryStorage();
  const start = (over: Storage) =>
    createWadi({ ...{ storage: over, clock, clusterId: 'test', limits: ROLLING }, warn: () => undefined });
  const wadi = await start(storage);
  await wadi.topics.create({ name: 'in', partitions });
  return {
    ...{ clock, storage, wadi },

    async produce(inputs) {
      const topic = await wadi.topics.describe('in');
      for (const {
        key,
        value,
        timestamp,
        partition = partitionOfKey(Buffer.from(key), partitions),
      } of inputs) {
        const record = {
          key: Buffer.from(key),
          value: value === null ? null : Buffer.from(value),
          timestamp,
          headers: [],
        };
        const batches = [
          { bytes: encodeBatch([record]), recordCount: 1, maxTimestamp: timestamp, producer: undefined },
        ];
        const [result] = await wadi.log.append(topic, [{ partition, batches }]);
        if (!result!.ok) throw result!.error;
      }
    },

    async work() {
      const worker = await start(storage);
      const warn = (error: unknown) => {
        throw error;
      };
      await createStreamsWorker(worker, application, { warn, limits }).run(clock.now() + 3_600_000);
      await worker.log.settled();
    },

    async compact() {
      const { objects, log: items } = storage;
      for (const topic of await wadi.topics.list()) {
        if (!topic.name.endsWith('-changelog')) continue;
        const options = {
          ...{ segmentBytes: 1 << 20, minCleanableDirtyRatio: 0, minCompactionLagMs: 0 },
          ...{ maxCompactionLagMs: Number.MAX_SAFE_INTEGER, deadlineMs: Number.MAX_SAFE_INTEGER },
          deleteRetentionMs: topic.configs.deleteRetentionMs,
        };
        for (let partition = 0; partition < topic.partitions; partition++) {
          for (let isMore = true; isMore; ) {
            const context = { objects, items, clock, limits: TINY };
            isMore = (await compactPartition(context, topic, partition, options)).more;
          }
        }
      }
    },

    async cold(some = {}, over = storage) {
      const { log } = await start(over);
      const { groups: items, objects } = over;
      return createStateStores({ items, objects, log, clock, limits: { ...QUERY_LIMITS, ...some } });
    },

    async store(name) {
      const found = await createRegistry(storage.groups, clock).find(application.applicationId);
      const { subtopology, shape, changelogTopic } = found!.stores.find((store) => store.name === name)!;
      const changelog = await wadi.topics.describe(changelogTopic!);
      return { applicationId: application.applicationId, subtopology, name, shape: shape!, changelog };
    },

    async close() {
      await wadi.log.settled();
      await storage.close();
    },
  };
}
