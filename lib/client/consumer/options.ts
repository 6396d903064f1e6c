import type { ConnectionOptions } from '../connection.ts';
import type { ConsumerRecord, InstanceConfig } from './instance.ts';
import type { RebalanceHooks } from './membership.ts';
import type { AssignorName, CommitOffset, PartitionName, SeekPosition, Subscription } from './partitions.ts';

/** Where Kafka has the option, it has Kafka's name and default. */
export interface ConsumerOptions extends ConnectionOptions, RebalanceHooks {
  readonly groupId: string;
  /** `group.instance.id`: of a static member, which keeps its partitions while it is away for less than its session. */
  readonly groupInstanceId?: string;
  /** `auto.offset.reset`: where to begin where nothing is committed; latest. */
  readonly autoOffsetReset?: 'earliest' | 'latest' | 'none' | { readonly byDurationMs: number };
  /** `session.timeout.ms`: after so long without a sign of life others get the partitions; 45,000. */
  readonly sessionTimeoutMs?: number;
  /** `max.poll.interval.ms`: after so long with one record, or without a loop, others get the partitions; 300,000. */
  readonly maxPollIntervalMs?: number;
  /** `group.remote.assignor`; uniform. */
  readonly assignor?: AssignorName;
  /** `max.poll.records`: of one answer; 500. One answer is read ahead. */
  readonly maxPollRecords?: number;
  readonly fetchMinBytes?: number;
  readonly fetchMaxBytes?: number;
  /** `fetch.max.wait.ms`: how long a poll waits for records, up to 20,000; 5,000. */
  readonly fetchMaxWaitMs?: number;
  /** `enable.auto.commit`: of positions, behind what the loop is done with or where it begins; true. */
  readonly enableAutoCommit?: boolean;
  /** `auto.commit.interval.ms`; 5,000. */
  readonly autoCommitIntervalMs?: number;
}

/** Records of one partition that follow each other. */
export interface ConsumerBatch extends PartitionName {
  readonly records: readonly ConsumerRecord[];
}

export interface IterationOptions {
  /** Ends the loop with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * A member of a group. Its loop is done with a record when it asks for the next; what it was left with (`break`, an error) is
 * given again. One loop at a time.
 */
export interface Consumer extends AsyncIterable<ConsumerRecord> {
  /** The group divides the partitions of these topics among its members. `pattern` is an RE2 expression for whole names. */
  subscribe(subscription: Subscription): Promise<void>;
  /** These partitions, whatever the group does; from `offset` on, or from what is committed. */
  assign(
    partitions: readonly (PartitionName & { readonly offset?: SeekPosition['offset'] })[],
  ): Promise<void>;
  /** Commits, and gives up what it holds, to be subscribed or assigned to something else: of another kind only after this. */
  unsubscribe(): Promise<void>;
  /** What the consumer holds now. */
  assignment(): PartitionName[];
  records(options?: IterationOptions): AsyncGenerator<ConsumerRecord, void, undefined>;
  /** The same records by the batch, which the loop is done with as a whole. */
  batches(options?: IterationOptions): AsyncGenerator<ConsumerBatch, void, undefined>;
  /** No records of these partitions until they are resumed, or lost. */
  pause(partitions: readonly PartitionName[]): void;
  resume(partitions: readonly PartitionName[]): void;
  /** The loop goes on there. This, `pause` and `resume` throw FENCED_MEMBER_EPOCH for a partition that is not held. */
  seek(positions: readonly SeekPosition[]): void;
  /**
   * Commits these offsets (of the records to be read next), or all positions: what the loop has at hand counts as done, and is not
   * given again. Throws FENCED_MEMBER_EPOCH for a partition that is another's by now, FENCED_INSTANCE_ID if all is another's who
   * has this consumer's `groupInstanceId`.
   */
  commit(offsets?: readonly CommitOffset[]): Promise<void>;
  /**
   * Ends the loop behind the record that it has at hand, for which this waits (so leave the loop first if you call it there),
   * commits, and leaves the group: for `timeoutMs` (10,000) at most each. Who calls it again waits for the same.
   */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}

/** In Kafka's words. */
export function configOf(options: ConsumerOptions): InstanceConfig {
  const { autoOffsetReset: reset, sessionTimeoutMs = 45_000, maxPollIntervalMs = 300_000 } = options;
  return {
    'auto.offset.reset':
      typeof reset === 'object' ? `by_duration:PT${(reset.byDurationMs / 1_000).toFixed(3)}S` : reset,
    'session.timeout.ms': sessionTimeoutMs,
    'max.poll.interval.ms': maxPollIntervalMs,
    'group.instance.id': options.groupInstanceId,
    'group.remote.assignor': options.assignor,
    'max.poll.records': options.maxPollRecords,
    'fetch.min.bytes': options.fetchMinBytes,
    'fetch.max.bytes': options.fetchMaxBytes,
    // The server would commit what was given, not what the loop is done with.
    'enable.auto.commit': false,
    'wadi.confirm.revocation': true,
  };
}
