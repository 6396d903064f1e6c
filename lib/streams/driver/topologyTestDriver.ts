import type { RawRecord } from '../record.ts';
import type { Serde } from '../serdes.ts';
import { memoryByteStore } from '../state/byteStore.ts';
import type { KeyValueStore } from '../state/keyValueStore.ts';
import { readOnlyBytes } from '../state/readOnlyBytes.ts';
import type { SessionStore } from '../state/sessionStore.ts';
import type { StateStore } from '../state/store.ts';
import type { ValueAndTimestamp } from '../state/timestamped.ts';
import type { WindowStore } from '../state/windowStore.ts';
import { createTask, type Output, type Task } from '../task/task.ts';
import type { Topology } from '../topology/topology.ts';

export interface TestDriverOptions {
  /** Of the wall clock: 0 unless given. */
  readonly initialWallClockTimeMs?: number;
}

export interface TestRecord<K, V> {
  readonly key: K;
  readonly value: V;
  readonly timestamp: number;
  readonly headers: RawRecord['headers'];
}

export interface TestInputTopic<K, V> {
  /** `timestamp`: that of the record before, and what `advanceTimeMs` has added, unless given. */
  pipeInput(
    key: K | null,
    value: V | null,
    options?: { readonly timestamp?: number; readonly headers?: RawRecord['headers'] },
  ): void;
  advanceTimeMs(ms: number): void;
}

export interface TestOutputTopic<K, V> {
  isEmpty(): boolean;
  /** The next one; throws if there is none. */
  readRecord(): TestRecord<K | null, V | null>;
  readRecords(): TestRecord<K | null, V | null>[];
  readKeyValues(): [K | null, V | null][];
}

/**
 * Kafka's TopologyTestDriver: a whole topology, of one partition, without a cluster. What is piped in has gone through, through topics of the
 * application's own too, when the call returns.
 */
export class TopologyTestDriver {
  readonly #tasks: readonly Task[];
  readonly #taskOf = new Map<string, Task>();
  readonly #global = new Map<
    string,
    { readonly bytes: ReturnType<typeof memoryByteStore>; readonly store: StateStore }
  >();
  readonly #offsets = new Map<string, number>();
  readonly #outputs = new Map<string, Output[]>();
  #nowMs: number;
  #dropped = 0;

  constructor(topology: Topology, { initialWallClockTimeMs = 0 }: TestDriverOptions = {}) {
    this.#nowMs = initialWallClockTimeMs;
    const globalStores = new Map<string, StateStore>();
    for (const { topic, store: name, builder } of topology.globalStores) {
      const bytes = memoryByteStore(name);
      const store = builder.build(readOnlyBytes(name, bytes));
      this.#global.set(topic, { bytes, store });
      globalStores.set(name, store);
    }
    this.#tasks = topology.subtopologies.map((subtopology) => {
      const task = createTask({ subtopology, partition: 0, globalStores, nowMs: this.#nowMs });
      for (const node of subtopology.nodes)
        if (node.kind === 'source') for (const topic of node.topics) this.#taskOf.set(topic, task);
      return task;
    });
    for (const task of this.#tasks) task.advanceTo(this.#nowMs);
    this.#deliver();
  }

  createInputTopic<K, V>(
    topic: string,
    keySerde: Serde<K>,
    valueSerde: Serde<V>,
    { startTimestampMs = this.#nowMs }: { readonly startTimestampMs?: number } = {},
  ): TestInputTopic<K, V> {
    if (!this.#taskOf.has(topic) && !this.#global.has(topic))
      throw new RangeError(`the topology does not read topic ${topic}`);
    let now = startTimestampMs;
    return {
      pipeInput: (key, value, { timestamp = now, headers = [] } = {}) => {
        this.#pipe(topic, {
          key: key === null ? null : keySerde.serialize(key),
          value: value === null ? null : valueSerde.serialize(value),
          ...{ timestamp, headers },
        });
      },
      advanceTimeMs(ms) {
        now += ms;
      },
    };
  }

  createOutputTopic<K, V>(topic: string, keySerde: Serde<K>, valueSerde: Serde<V>): TestOutputTopic<K, V> {
    const decode = ({ key, value, timestamp, headers }: Output): TestRecord<K | null, V | null> => ({
      key: key && keySerde.deserialize(key),
      value: value && valueSerde.deserialize(value),
      ...{ timestamp, headers },
    });
    const take = (count: number) => this.#outputs.get(topic)?.splice(0, count).map(decode) ?? [];
    return {
      isEmpty: () => (this.#outputs.get(topic)?.length ?? 0) === 0,
      readRecord() {
        const [record] = take(1);
        if (record === undefined) throw new RangeError(`topic ${topic} has no more records`);
        return record;
      },
      readRecords: () => take(Number.POSITIVE_INFINITY),
      readKeyValues: () => take(Number.POSITIVE_INFINITY).map(({ key, value }) => [key, value]),
    };
  }

  advanceWallClockTime(ms: number): void {
    this.#nowMs += ms;
    for (const task of this.#tasks) task.advanceTo(this.#nowMs);
    this.#deliver();
  }

  /** A store of any task; throws for a name that none has. */
  getStateStore<S extends StateStore>(name: string): S {
    for (const task of this.#tasks) {
      const store = task.store(name);
      if (store !== undefined) return store as S;
    }
    throw new RangeError(`there is no store ${name}`);
  }

  getKeyValueStore<K, V>(name: string): KeyValueStore<K, V> {
    return this.getStateStore<KeyValueStore<K, V>>(name);
  }

  /** Of a time-windowed or sliding-windowed table. */
  getWindowStore<K, V>(name: string): WindowStore<K, ValueAndTimestamp<V>> {
    return this.getStateStore<WindowStore<K, ValueAndTimestamp<V>>>(name);
  }

  getSessionStore<K, V>(name: string): SessionStore<K, V> {
    return this.getStateStore<SessionStore<K, V>>(name);
  }

  /** Records that processors have passed over, for being late or for what they lacked. */
  get droppedRecords(): number {
    return this.#dropped;
  }

  #pipe(topic: string, record: RawRecord): void {
    const offset = this.#offsets.get(topic) ?? 0;
    this.#offsets.set(topic, offset + 1);
    const global = this.#global.get(topic);
    if (global !== undefined) {
      if (record.key !== null) global.bytes.restore(record.key, record.value);
      return;
    }
    this.#taskOf.get(topic)!.process({ ...record, topic, offset });
    this.#deliver();
  }

  #outputsOf(topic: string): Output[] {
    const known = this.#outputs.get(topic) ?? [];
    this.#outputs.set(topic, known);
    return known;
  }

  /** What a task has put into a topic that the topology reads goes on at once, as far as it goes. */
  #deliver(): void {
    for (let isMore = true; isMore; ) {
      isMore = false;
      for (const task of this.#tasks) {
        const { outputs, dropped } = task.take();
        for (const count of Object.values(dropped)) this.#dropped += count;
        for (const output of outputs) {
          const { topic } = output;
          this.#outputsOf(topic).push(output);
          const reader = this.#taskOf.get(topic);
          if (reader === undefined && !this.#global.has(topic)) continue;
          const offset = this.#offsets.get(topic) ?? 0;
          this.#offsets.set(topic, offset + 1);
          if (reader === undefined) {
            if (output.key !== null) this.#global.get(topic)!.bytes.restore(output.key, output.value);
            continue;
          }
          reader.process({ ...output, topic, offset });
          isMore = true;
        }
      }
    }
  }
}
