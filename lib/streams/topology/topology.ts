import type { ProcessorSupplier } from '../processor/processor.ts';
import type { StreamRecord } from '../record.ts';
import type { Serde } from '../serdes.ts';
import type { StateStore, StoreBuilder } from '../state/store.ts';
import { describe, draw } from './describe.ts';
import { TopologyError } from './topologyError.ts';

// biome-ignore lint/suspicious/noExplicitAny: a graph joins nodes of any types; the DSL sees to it that they fit.
type Any = any;

export interface SourceNode {
  readonly kind: 'source';
  readonly name: string;
  readonly topics: readonly string[];
  readonly keySerde: Serde<Any>;
  readonly valueSerde: Serde<Any>;
  /** Event time of a record, instead of its timestamp; below 0 the record is passed over. */
  readonly timestampExtractor: ((record: StreamRecord<Any, Any>) => number) | undefined;
}

export interface ProcessorNode {
  readonly kind: 'processor';
  readonly name: string;
  readonly supplier: ProcessorSupplier<Any, Any, Any, Any>;
  readonly parents: readonly string[];
  readonly stores: readonly string[];
}

export interface SinkNode {
  readonly kind: 'sink';
  readonly name: string;
  readonly parents: readonly string[];
  /** Or what tells it of each record. */
  readonly topic: string | ((record: StreamRecord<Any, Any>) => string);
  readonly keySerde: Serde<Any>;
  readonly valueSerde: Serde<Any>;
  /** Instead of the one that the key chooses, of so many. */
  readonly partitioner: ((record: StreamRecord<Any, Any>, partitions: number) => number) | undefined;
}

export type TopologyNode = SourceNode | ProcessorNode | SinkNode;

export interface GlobalTableNode {
  readonly topic: string;
  readonly store: string;
  readonly keySerde: Serde<Any>;
  readonly valueSerde: Serde<Any>;
}

/** A topic that the application makes for itself, without the application's id in front. */
export interface RepartitionTopic {
  readonly name: string;
  /** As many as the sources that it is joined with, unless given. */
  readonly partitions: number | undefined;
  /** It has as many as what it is joined with, whatever flows into it; false unless given. */
  readonly isFollower?: boolean;
}

/** A part of the topology whose nodes are connected, directly or by a store: a task of it has a partition of each source topic. */
export interface Subtopology {
  readonly id: number;
  readonly nodes: readonly TopologyNode[];
  readonly stores: readonly StoreBuilder<StateStore>[];
  /** Names of the global tables that its processors look up. */
  readonly globalStores: readonly string[];
}

export interface SourceOptions<K, V> {
  readonly keySerde: Serde<K>;
  readonly valueSerde: Serde<V>;
  readonly timestampExtractor?: (record: StreamRecord<K, V>) => number;
}

export interface SinkOptions<K, V> {
  readonly keySerde: Serde<K>;
  readonly valueSerde: Serde<V>;
  readonly partitioner?: (record: StreamRecord<K, V>, partitions: number) => number;
}

/**
 * Kafka's Topology: sources, processors and sinks, put together by name. Each node is added after its parents. Throws TopologyError, at once, for
 * what does not fit.
 */
export class Topology {
  readonly #nodes = new Map<string, TopologyNode>();
  readonly #stores = new Map<string, { builder: StoreBuilder<StateStore>; users: Set<string> }>();
  readonly #global = new Map<string, GlobalTableNode & { builder: StoreBuilder<StateStore> }>();
  readonly #repartition = new Map<string, RepartitionTopic>();
  /** Sets of sources whose topics must have the same number of partitions. */
  readonly #together: (readonly string[])[] = [];

  addSource<K, V>(name: string, topics: readonly string[], options: SourceOptions<K, V>): this {
    if (topics.length === 0) throw new TopologyError(`source ${name} has no topic`);
    this.#requireUnread(topics);
    const { keySerde, valueSerde, timestampExtractor } = options;
    return this.#add({ kind: 'source', name, topics, keySerde, valueSerde, timestampExtractor });
  }

  addProcessor<KIn, VIn, KOut, VOut>(
    name: string,
    supplier: ProcessorSupplier<KIn, VIn, KOut, VOut>,
    parents: readonly string[],
    stores: readonly string[] = [],
  ): this {
    this.#requireParents(name, parents);
    this.#add({ kind: 'processor', name, supplier, parents, stores: [] });
    return this.connectProcessorAndStateStores(name, stores);
  }

  addSink<K, V>(
    name: string,
    topic: SinkNode['topic'],
    parents: readonly string[],
    options: SinkOptions<K, V>,
  ): this {
    this.#requireParents(name, parents);
    const { keySerde, valueSerde, partitioner } = options;
    return this.#add({ kind: 'sink', name, parents, topic, keySerde, valueSerde, partitioner });
  }

  addStateStore<S extends StateStore>(builder: StoreBuilder<S>, processors: readonly string[] = []): this {
    const { name } = builder;
    if (this.#stores.has(name) || this.#global.has(name))
      throw new TopologyError(`there are two stores ${name}`);
    this.#stores.set(name, { builder: builder as unknown as StoreBuilder, users: new Set() });
    for (const processor of processors) this.connectProcessorAndStateStores(processor, [name]);
    return this;
  }

  connectProcessorAndStateStores(processor: string, stores: readonly string[]): this {
    const node = this.#nodes.get(processor);
    if (node?.kind !== 'processor') throw new TopologyError(`there is no processor ${processor}`);
    for (const store of stores) {
      if (this.#global.has(store)) continue;
      const known = this.#stores.get(store);
      if (known === undefined)
        throw new TopologyError(`there is no store ${store}, of processor ${processor}`);
      known.users.add(processor);
    }
    this.#nodes.set(processor, { ...node, stores: [...new Set([...node.stores, ...stores])] });
    return this;
  }

  /** A topic that each worker has the whole of, in a store that processors which name it may read. */
  addGlobalStore<S extends StateStore>(
    builder: StoreBuilder<S>,
    table: Omit<GlobalTableNode, 'store'>,
  ): this {
    if (this.#stores.has(builder.name) || this.#global.has(builder.name))
      throw new TopologyError(`there are two stores ${builder.name}`);
    this.#requireUnread([table.topic]);
    this.#global.set(builder.name, {
      ...table,
      store: builder.name,
      builder: builder as unknown as StoreBuilder,
    });
    return this;
  }

  /** To be made by whoever runs the application. */
  addRepartitionTopic(topic: RepartitionTopic): this {
    this.#repartition.set(topic.name, topic);
    return this;
  }

  /** The topics of these sources are read partition by partition together: so they must have as many. */
  copartition(sources: readonly string[]): this {
    this.#together.push(sources);
    return this;
  }

  get repartitionTopics(): readonly RepartitionTopic[] {
    return [...this.#repartition.values()];
  }

  get globalStores(): readonly (GlobalTableNode & { builder: StoreBuilder<StateStore> })[] {
    return [...this.#global.values()];
  }

  /** Topics that must have the same number of partitions. */
  get copartitioned(): readonly (readonly string[])[] {
    return this.#together.map((sources) =>
      sources.flatMap((name) => {
        const node = this.#nodes.get(name);
        return node?.kind === 'source' ? node.topics : [];
      }),
    );
  }

  /** In the order in which their first nodes were added. */
  get subtopologies(): readonly Subtopology[] {
    const group = new Map([...this.#nodes.keys()].map((name) => [name, name]));
    const find = (name: string): string => {
      let root = name;
      while (group.get(root) !== root) root = group.get(root)!;
      return root;
    };
    const join = (a: string, b: string): void => void group.set(find(b), find(a));
    for (const node of this.#nodes.values()) {
      if (node.kind !== 'source') for (const parent of node.parents) join(parent, node.name);
    }
    for (const { users } of this.#stores.values()) {
      const [first, ...others] = users;
      for (const other of others) join(first!, other);
    }
    const byRoot = Map.groupBy(this.#nodes.values(), ({ name }) => find(name));
    return [...byRoot.values()].map((nodes, id) => {
      const names = new Set(nodes.flatMap((node) => (node.kind === 'processor' ? node.stores : [])));
      const stores = [...this.#stores].flatMap(([name, { builder }]) => (names.has(name) ? [builder] : []));
      const globalStores = [...this.#global.keys()].filter((name) => names.has(name));
      return { id, nodes, stores, globalStores };
    });
  }

  /** As Kafka's `Topology#describe` prints it. */
  describe(): string {
    return describe(this);
  }

  /** A drawing of it, for Mermaid (https://mermaid.js.org/syntax/flowchart.html). */
  draw(): string {
    return draw(this);
  }

  #add(node: TopologyNode): this {
    if (this.#nodes.has(node.name)) throw new TopologyError(`there are two nodes ${node.name}`);
    this.#nodes.set(node.name, node);
    return this;
  }

  /** As Kafka: one source, or one global table, reads a topic. */
  #requireUnread(topics: readonly string[]): void {
    const read = new Set([...this.#global.values()].map(({ topic }) => topic));
    for (const node of this.#nodes.values())
      if (node.kind === 'source') for (const topic of node.topics) read.add(topic);
    const taken = topics.find((topic) => read.has(topic));
    if (taken !== undefined) throw new TopologyError(`topic ${taken} has a source already`);
  }

  #requireParents(name: string, parents: readonly string[]): void {
    if (parents.length === 0) throw new TopologyError(`${name} has no parent`);
    for (const parent of parents) {
      const node = this.#nodes.get(parent);
      if (node === undefined)
        throw new TopologyError(`${name} has a parent ${parent} that is not there (yet)`);
      if (node.kind === 'sink') throw new TopologyError(`${name} has a sink for a parent: ${parent}`);
    }
  }
}
