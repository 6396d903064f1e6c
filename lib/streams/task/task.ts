import { messageOf } from '../../messageOf.ts';
import type { Processor, ProcessorContext, RecordMetadata, TaskId } from '../processor/processor.ts';
import { requireSync } from '../processor/requireSync.ts';
import type { RawRecord, StreamRecord } from '../record.ts';
import { memoryByteStore } from '../state/byteStore.ts';
import type { ByteStore, StateStore, StoreChange } from '../state/store.ts';
import type { ProcessorNode, SinkNode, SourceNode, Subtopology } from '../topology/topology.ts';
import { createPunctuations, type Schedule } from './punctuations.ts';

// biome-ignore lint/suspicious/noExplicitAny: as in the topology.
type Any = any;

/** A record that is to be appended to a topic. */
export interface Output extends RawRecord {
  readonly topic: string;
  /** Of the number of the topic's partitions, if it is not the key that chooses. */
  readonly partition: ((partitions: number) => number) | undefined;
}

/** Times that a task goes on with: plain JSON. */
export interface TaskTimes {
  readonly streamTimeMs: number;
  /** By processor. */
  readonly observedMs: Readonly<Record<string, number>>;
  readonly punctuations: readonly (number | null)[];
}

export const NO_TIMES: TaskTimes = { streamTimeMs: -1, observedMs: {}, punctuations: [] };

/** What a step has come to. */
export interface Step {
  readonly outputs: readonly Output[];
  /** The last of each key. */
  readonly changes: readonly StoreChange[];
  readonly times: TaskTimes;
  /** Records of the step that were passed over, by the processor that did so. */
  readonly dropped: Readonly<Record<string, number>>;
}

export interface TaskRecord extends RawRecord {
  readonly topic: string;
  readonly offset: number;
}

/** Why a record could not be processed, and where it is: of its bytes, or of what a processor made of it. */
export class RecordError extends Error {
  override readonly name = 'RecordError';
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly during: 'deserialization' | 'processing';
  /** Not enumerable: loggers write down all that is. */
  readonly #record: TaskRecord;

  constructor(record: TaskRecord, partition: number, during: RecordError['during'], cause: unknown) {
    const { topic, offset } = record;
    super(`${topic}/${partition}, offset ${offset}: ${messageOf(cause)}`, { cause });
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
    this.during = during;
    this.#record = record;
  }

  get record(): TaskRecord {
    return this.#record;
  }
}

export interface TaskOptions {
  readonly partition: number;
  readonly subtopology: Subtopology;
  /** What earlier steps have left. */
  readonly times?: TaskTimes;
  /** Stores of global tables. */
  readonly globalStores?: ReadonlyMap<string, StateStore>;
  /** Of a store: what its changes are appended to; `undefined`: nothing. */
  readonly changelogOf?: (store: string) => string | undefined;
  /** Why a topic does not take a record: then the record that made it cannot be processed. `undefined`: it does. */
  readonly refusal?: (
    topic: string,
    record: RawRecord & Partial<Pick<Output, 'partition'>>,
  ) => Error | undefined;
  /** Of a topic that the application makes for itself. */
  readonly internalTopic?: (name: string) => string;
  readonly nowMs: number;
}

/**
 * A sub-topology at work on a partition. Nothing of it waits: what is put in has gone through when the call returns. What it says and changes is
 * kept until `take`, so that whoever runs it commits all of a step, or none.
 */
export interface Task {
  readonly id: TaskId;
  /** What its punctuations go by, in the order of `TaskTimes`. */
  readonly punctuations: readonly Schedule[];
  /** Throws RecordError; then the step is to be thrown away, and the task with it. */
  process(record: TaskRecord): void;
  /** Wall-clock time, for punctuations. */
  advanceTo(nowMs: number): void;
  take(): Step;
  restore(change: StoreChange): void;
  /** Of a store: to be read before the task goes on. */
  contents(store: string): Pick<ByteStore, 'range' | 'size'>;
  store(name: string): StateStore | undefined;
}

export function createTask(options: TaskOptions): Task {
  const { partition, subtopology, times = NO_TIMES, globalStores = new Map() } = options;
  const { internalTopic = (name: string) => name, changelogOf, refusal } = options;
  const id: TaskId = { subtopology: subtopology.id, partition };
  const punctuations = createPunctuations(times.punctuations);
  const observedMs: Record<string, number> = { ...times.observedMs };
  let { streamTimeMs } = times;
  let { nowMs } = options;
  let current: RecordMetadata | undefined;
  let outputs: Output[] = [];
  let changes = new Map<string, StoreChange>();
  let dropped: Record<string, number> = {};
  let refused: Error | undefined;
  /** First of all by `init`. */
  let isCalled = true;

  const noteChange = (change: StoreChange): void => {
    const name = `${change.store}/${Buffer.from(change.key).toString('latin1')}`;
    changes.delete(name);
    changes.set(name, change);
    const changelog = changelogOf?.(change.store);
    if (changelog !== undefined) requireTaken(changelog, { ...change, timestamp: streamTimeMs, headers: [] });
  };
  const requireTaken: (topic: string, record: RawRecord) => void = (topic, record) => {
    refused ??= refusal?.(topic, record);
  };
  /** Not where it was said: a processor could take it for its own. */
  const throwRefusal = (): void => {
    if (refused !== undefined) throw refused;
  };
  const bytes = new Map(
    subtopology.stores.map(({ name }) => [name, memoryByteStore(name, noteChange)] as const),
  );
  const stores = new Map<string, StateStore>(
    subtopology.stores.map((builder) => [builder.name, builder.build(bytes.get(builder.name)!)]),
  );

  type Handle = (record: StreamRecord<Any, Any>) => void;
  const handles = new Map<string, Handle>();
  const sources = new Map<string, SourceNode>();

  /** Children first: whoever is initialized may forward already. */
  for (const node of subtopology.nodes.toReversed()) {
    const children = subtopology.nodes.flatMap((child) =>
      child.kind !== 'source' && child.parents.includes(node.name) ? [child.name] : [],
    );
    if (node.kind === 'source') for (const topic of node.topics) sources.set(topicNamed(topic), node);
    handles.set(node.name, handleOf(node, children));
  }

  function topicNamed(topic: string): string {
    return internalTopic(topic);
  }

  function handleOf(node: SourceNode | ProcessorNode | SinkNode, children: readonly string[]): Handle {
    const forward: Handle = (record) => {
      for (const child of children) handles.get(child)!(record);
    };
    if (node.kind === 'source') return forward;
    if (node.kind === 'sink')
      return (record) => {
        const output = outputOf(node, record);
        outputs.push(output);
        requireTaken(output.topic, output);
      };
    const processor: Processor<Any, Any, Any, Any> = node.supplier();
    requireSync(processor.init?.(contextOf(node, children, forward)));
    return (record) => requireSync(processor.process(record));
  }

  function contextOf(
    node: ProcessorNode,
    children: readonly string[],
    forward: Handle,
  ): ProcessorContext<Any, Any> {
    return {
      taskId: id,
      forward(record, child) {
        if (!isCalled) throw new Error(`${node.name} may forward only while it is called`);
        requireSync(record.key);
        requireSync(record.value);
        if (child === undefined) return forward(record);
        if (!children.includes(child)) throw new Error(`${node.name} has no child ${child}`);
        handles.get(child)!(record);
      },
      getStateStore<S extends StateStore>(name: string): S {
        const store = node.stores.includes(name) ? (stores.get(name) ?? globalStores.get(name)) : undefined;
        if (store === undefined) throw new Error(`${node.name} was not added with store ${name}`);
        return store as S;
      },
      schedule: (intervalMs, type, punctuate) =>
        punctuations.add(type, intervalMs, (timestamp) => {
          const before = current;
          current = undefined;
          requireSync(punctuate(timestamp));
          current = before;
        }),
      currentStreamTimeMs: () => streamTimeMs,
      currentSystemTimeMs: () => nowMs,
      observe(timestamp) {
        const now = Math.max(observedMs[node.name] ?? -1, timestamp);
        observedMs[node.name] = now;
        return now;
      },
      drop() {
        dropped[node.name] = (dropped[node.name] ?? 0) + 1;
      },
      recordMetadata: () => current,
    };
  }

  function outputOf(node: SinkNode, record: StreamRecord<Any, Any>): Output {
    const { keySerde, valueSerde, partitioner, topic } = node;
    const { key, value, timestamp, headers } = record;
    return {
      topic: typeof topic === 'string' ? topicNamed(topic) : requireSync(topic(record)),
      key: key === null || key === undefined ? null : keySerde.serialize(key),
      value: value === null || value === undefined ? null : valueSerde.serialize(value),
      ...{ timestamp, headers },
      partition: partitioner && ((partitions) => requireSync(partitioner(record, partitions))),
    };
  }

  function read(source: SourceNode, raw: TaskRecord): StreamRecord<Any, Any> {
    const { key, value, headers } = raw;
    try {
      const record = {
        key: key === null ? null : source.keySerde.deserialize(key),
        value: value === null ? null : source.valueSerde.deserialize(value),
        timestamp: raw.timestamp,
        headers,
      };
      const timestamp = requireSync(source.timestampExtractor?.(record)) ?? raw.timestamp;
      if (!Number.isSafeInteger(timestamp)) throw new TypeError(`a timestamp extractor says ${timestamp}`);
      return { ...record, timestamp };
    } catch (error) {
      throw new RecordError(raw, partition, 'deserialization', error);
    }
  }

  // Some are forwarded by `init`.
  throwRefusal();
  isCalled = false;
  return {
    id,
    punctuations: punctuations.schedules(),

    process(raw) {
      const { topic, offset } = raw;
      const source = sources.get(topic);
      if (source === undefined)
        throw new RangeError(`${topic} is no source of sub-topology ${id.subtopology}`);
      const record = read(source, raw);
      // Kafka's: a record without a time is passed over.
      if (record.timestamp < 0) {
        dropped[source.name] = (dropped[source.name] ?? 0) + 1;
        return;
      }
      current = { topic, partition, offset };
      isCalled = true;
      try {
        streamTimeMs = Math.max(streamTimeMs, record.timestamp);
        handles.get(source.name)!(record);
        punctuations.advance('stream-time', streamTimeMs);
        throwRefusal();
      } catch (error) {
        throw error instanceof RecordError ? error : new RecordError(raw, partition, 'processing', error);
      } finally {
        current = undefined;
        isCalled = false;
      }
    },

    advanceTo(now) {
      nowMs = now;
      isCalled = true;
      try {
        punctuations.advance('wall-clock-time', nowMs);
      } finally {
        isCalled = false;
      }
      throwRefusal();
    },

    take() {
      const step: Step = {
        outputs,
        changes: [...changes.values()],
        times: { streamTimeMs, observedMs: { ...observedMs }, punctuations: punctuations.save() },
        dropped,
      };
      outputs = [];
      changes = new Map();
      dropped = {};
      return step;
    },

    restore: ({ store, key, value }) => bytes.get(store)?.restore(key, value),
    contents: (store) => bytes.get(store)!,
    store: (name) => stores.get(name) ?? globalStores.get(name),
  };
}
