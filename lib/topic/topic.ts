import type { Clock } from '../clock.ts';
import type { Log, LogTopic } from '../log/log.ts';
import type { Replication } from '../replication/replication.ts';
import type { ItemStore } from '../storage/ports.ts';
import type { ConfigOverrides, TopicConfigs } from './configs.ts';

export interface Topic extends LogTopic {
  /** Only what was set, by Kafka's names and in Kafka's spelling of the values. */
  readonly overrides: ConfigOverrides;
  /** Every config, typed, defaults filled in. */
  readonly configs: TopicConfigs;
  readonly createdAtMs: number;
}

export interface NewTopic {
  name: string;
  /** Kafka's `num.partitions` default of 1 if not given. */
  partitions?: number;
  configs?: Readonly<Record<string, string | null>>;
  /** In how many regions; in all, if not given. */
  replicationFactor?: number;
}

/** `value: null` takes the override away. */
export interface ConfigChange {
  name: string;
  value: string | null;
}

/** What topics rest on. `log` makes and takes away their heads, and has maintenance look at them. */
export interface TopicStore {
  readonly metadata: ItemStore;
  readonly log: Pick<Log, 'createHeads' | 'deleteHeads' | 'schedule'>;
  /** Of a cluster of several regions. */
  readonly replication?: Pick<Replication, 'regions' | 'local' | 'inSync'> | undefined;
  readonly clock: Clock;
}
