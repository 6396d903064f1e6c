import type { Clock } from '../../clock.ts';
import type { Bounds, Log } from '../../log/log.ts';
import type { DecodedRecord } from '../../record/record.ts';
import type { Topic } from '../../topic/topic.ts';
import type { Topics } from '../../topic/topics.ts';
import { memoryByteStore } from '../state/byteStore.ts';
import { readOnlyBytes } from '../state/readOnlyBytes.ts';
import type { StateStore } from '../state/store.ts';
import { RecordError } from '../task/task.ts';
import type { Topology } from '../topology/topology.ts';
import { readRange } from './readRange.ts';

/** What the topics of global tables say, each as a whole, in memory: for all tasks of a process. */
export interface GlobalTables {
  readonly stores: ReadonlyMap<string, StateStore>;
  /**
   * Brings these up to where their topics end, but for those of which a reading began after that time. Throws RecordError for a record that cannot be
   * read, unless those are passed over; UNKNOWN_TOPIC_OR_PARTITION; what the log does.
   */
  readOn(names: readonly string[], sinceMs: number): Promise<void>;
}

interface GlobalTablesContext {
  readonly log: Pick<Log, 'fetch' | 'boundsOf'>;
  readonly topics: Pick<Topics, 'lookup'>;
  readonly clock: Clock;
}

type GlobalTable = Topology['globalStores'][number];
type Rows = ReturnType<typeof memoryByteStore>;

/** `onError` is told of a record that is none of the table's types; what it throws stops the reading before that record. */
export function createGlobalTables(
  context: GlobalTablesContext,
  { globalStores }: Topology,
  onError: (error: RecordError) => void,
): GlobalTables {
  const tables = new Map(globalStores.map((table) => [table.store, createTable(context, table, onError)]));
  return {
    stores: new Map([...tables].map(([name, { store }]) => [name, store])),
    async readOn(names, sinceMs) {
      for (const name of names) await tables.get(name)!.readOn(sinceMs);
    },
  };
}

/** How far a table's topic was read. */
interface Place {
  readonly topicId: string;
  /** By partition: of the next record. */
  readonly positions: number[];
  /** When what was read last began. */
  readAtMs: number;
}

function createTable(
  { log, topics, clock }: GlobalTablesContext,
  table: GlobalTable,
  onError: (error: RecordError) => void,
) {
  const rows = memoryByteStore(table.store);
  let place: Place | undefined;
  let turn = Promise.resolve();

  async function read(): Promise<void> {
    const readAtMs = clock.now();
    const topic = await topics.lookup(table.topic);
    const partitions = Array.from({ length: topic.partitions }, (_, partition) => partition);
    const bounds = await log.boundsOf(topic, partitions);
    if (place !== undefined && goesOn(place, topic, bounds, readAtMs)) {
      await follow(place, rows, topic, bounds);
      place.readAtMs = readAtMs;
      return;
    }
    // Whoever reads what is there goes on with it until all of the other is there.
    const anew = rows.size === 0 ? rows : memoryByteStore(table.store);
    const begun: Place = { topicId: topic.id, positions: [], readAtMs };
    await follow(begun, anew, topic, bounds);
    if (anew !== rows) replace(rows, anew);
    place = begun;
  }

  async function follow(
    { positions }: Place,
    into: Rows,
    topic: Topic,
    bounds: readonly Bounds[],
  ): Promise<void> {
    for (const [partition, { logStartOffset, highWatermark: to }] of bounds.entries()) {
      const from = positions[partition] ?? logStartOffset;
      await readRange(log, topic, { partition, from, to }, (record) => {
        put(into, partition, record);
        positions[partition] = record.offset + 1;
      });
      positions[partition] = to;
    }
  }

  /** A time that is ahead is from before the clock was set back. */
  function hasRead(sinceMs: number): boolean {
    return place !== undefined && place.readAtMs > sinceMs && place.readAtMs <= clock.now();
  }

  function put(into: Rows, partition: number, record: DecodedRecord): void {
    const { key, value } = record;
    if (key === null) return;
    try {
      table.keySerde.deserialize(key);
      if (value !== null) table.valueSerde.deserialize(value);
    } catch (error) {
      onError(new RecordError({ ...record, topic: table.topic }, partition, 'deserialization', error));
      return;
    }
    // Copied, so that a row does not keep all that was fetched with it.
    into.restore(key.slice(), value?.slice() ?? null);
  }

  return {
    store: table.builder.build(readOnlyBytes(table.store, rows)),
    readOn(sinceMs: number): Promise<void> {
      const mine = turn.then(() => (hasRead(sinceMs) ? undefined : read()));
      turn = mine.catch(() => undefined);
      return mine;
    },
  };
}

/**
 * Whether nothing can have been missed: the topic is the same, it has all from what was read on, and that is not so old that the deletion
 * of a row may be gone. Half of `delete.retention.ms` is left for clocks that disagree.
 */
function goesOn(
  { topicId, positions, readAtMs }: Place,
  topic: Topic,
  bounds: readonly Bounds[],
  nowMs: number,
) {
  const isWithin = bounds.every(({ logStartOffset, highWatermark }, i) => {
    const position = positions[i] ?? logStartOffset;
    return logStartOffset <= position && position <= highWatermark;
  });
  const isBehind = bounds.some(({ highWatermark }, i) => highWatermark !== positions[i]);
  const isFresh = Math.abs(nowMs - readAtMs) < topic.configs.deleteRetentionMs / 2;
  return topicId === topic.id && isWithin && (isFresh || !isBehind);
}

function replace(rows: Rows, by: Rows): void {
  const gone = [...rows.range()].map(([key]) => key).filter((key) => by.get(key) === undefined);
  for (const key of gone) rows.restore(key, null);
  for (const [key, value] of by.range()) rows.restore(key, value);
}
