import type { LogTopic } from '../log/log.ts';
import type { TopicConfigs } from './configs.ts';

export interface Topic extends LogTopic {
  /** Only what was set, by Kafka's names and in Kafka's spelling of the values. */
  readonly overrides: Readonly<Record<string, string>>;
  /** Every config, typed, defaults filled in. */
  readonly configs: TopicConfigs;
  readonly createdAtMs: number;
}

export interface NewTopic {
  name: string;
  /** Kafka's `num.partitions` default of 1 if not given. */
  partitions?: number;
  configs?: Readonly<Record<string, string | null>>;
}

/** `value: null` takes the override away. */
export interface ConfigChange {
  name: string;
  value: string | null;
}

/** Every method throws WadiError: UNKNOWN_TOPIC_OR_PARTITION, TOPIC_ALREADY_EXISTS, INVALID_CONFIG and so on. */
export interface Topics {
  create(topic: NewTopic, options?: { validateOnly?: boolean }): Promise<Topic>;
  /** All topics by name; the order is that of the names' bytes. */
  list(): Promise<Topic[]>;
  /** As it stands now. */
  describe(name: string): Promise<Topic>;
  /** As `describe`, but may be up to a few seconds old; for the paths where every request needs the topic. */
  lookup(name: string): Promise<Topic>;
  delete(name: string): Promise<void>;
  addPartitions(name: string, partitions: number): Promise<Topic>;
  alterConfigs(
    name: string,
    changes: readonly ConfigChange[],
    options?: { validateOnly?: boolean },
  ): Promise<void>;
}
