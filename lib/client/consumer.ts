import type {
  AssignorName,
  CommitOffset,
  PartitionName,
  SeekPosition,
  Subscription,
} from '../group/groups.ts';
import { ClientError, refusal } from './clientError.ts';
import { webClock } from './clock.ts';
import { type ConnectionOptions, connect } from './connection.ts';
import { createCommitter, isFenced } from './consumer/committer.ts';
import {
  find,
  finish,
  type Holding,
  hand,
  nameOf,
  newHoldings,
  pause,
  putBack,
  resume,
  seek,
} from './consumer/holdings.ts';
import type { ConsumerRecord, InstanceConfig } from './consumer/instance.ts';
import { createMembership, type RebalanceHooks } from './consumer/membership.ts';
import { createPoller } from './consumer/poller.ts';

/** Where Kafka has the option, it has Kafka's name and default. */
export interface ConsumerOptions extends ConnectionOptions, RebalanceHooks {
  readonly groupId: string;
  /** `group.instance.id`: of a static member, which keeps its partitions while it is away for less than its session. */
  readonly groupInstanceId?: string;
  /** `auto.offset.reset`: where to begin where nothing is committed; latest. */
  readonly autoOffsetReset?: 'earliest' | 'latest' | 'none' | { readonly byDurationMs: number };
  /** `session.timeout.ms`: after so long without a sign of life others get the partitions; 45,000. */
  readonly sessionTimeoutMs?: number;
  /** `max.poll.interval.ms`: how long others wait for a partition until the loop is done with its record; 300,000. */
  readonly maxPollIntervalMs?: number;
  /** `group.remote.assignor`; uniform. */
  readonly assignor?: AssignorName;
  /** `max.poll.records`: of one answer; 500. One answer is read ahead. */
  readonly maxPollRecords?: number;
  readonly fetchMinBytes?: number;
  readonly fetchMaxBytes?: number;
  /** `fetch.max.wait.ms`: how long a poll waits for records, up to 20,000; 5,000. */
  readonly fetchMaxWaitMs?: number;
  /** `enable.auto.commit`: behind what the loop is done with; true. */
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
   * Commits these offsets (of the records to be read next), or all that the loop has been given: what it has at hand counts as
   * done. Throws FENCED_MEMBER_EPOCH for a partition that is another's by now.
   */
  commit(offsets?: readonly CommitOffset[]): Promise<void>;
  /**
   * Ends the loop behind the record that it has at hand, for which this waits (`timeoutMs`, 10,000; so leave the loop first if you
   * call it there), commits, and leaves the group.
   */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}

export function consumer(options: ConsumerOptions): Consumer {
  const {
    fetchMaxWaitMs = 5_000,
    requestTimeoutMs = 30_000,
    enableAutoCommit = true,
    autoCommitIntervalMs = 5_000,
  } = options;
  const connection = connect(options);
  const holdings = newHoldings();
  /** The loop is to end; and then, everything is. */
  const closing = new AbortController();
  const ended = new AbortController();
  const { signal } = ended;
  const committer = createCommitter(holdings, () => membership.current(), signal);
  const membership = createMembership({
    connection,
    groupId: options.groupId,
    config: configOf(options),
    hooks: options,
    holdings,
    commit: commitFinished,
    poller: () => poller,
    signal,
  });
  const poller = createPoller({ connection, holdings, membership, fetchMaxWaitMs, requestTimeoutMs, signal });
  let failure: unknown;
  let isIterating = false;
  let onIdle: (() => void) | undefined;
  let isStarted = false;

  /** By the consumer itself: what it may not commit is another's to commit. */
  async function commitFinished(): Promise<void> {
    if (!enableAutoCommit) return;
    await committer.finished().catch((error) => {
      if (!isFenced(error)) throw error;
    });
  }

  /** In the background: what may pass is tried again, the rest is told to the loop. */
  async function quietly(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      const mayPass = error instanceof ClientError && (error.retriable || isFenced(error));
      if (!mayPass && !signal.aborted) failure ??= error;
    }
  }

  async function beat(): Promise<void> {
    while (!signal.aborted) {
      const waitMs = membership.dueAtMs() - webClock.now();
      if (waitMs > 0) await webClock.sleep(waitMs, signal);
      else await quietly(() => membership.sync());
    }
  }

  async function commitNowAndThen(): Promise<void> {
    while (!signal.aborted) {
      await webClock.sleep(autoCommitIntervalMs, signal);
      if (!signal.aborted) await quietly(commitFinished);
    }
  }

  async function start(wish: Parameters<typeof membership.wish>[0]): Promise<void> {
    if (closing.signal.aborted) throw refusal('INVALID_REQUEST', 'The consumer is closed');
    await membership.wish(wish);
    await membership.sync();
    if (isStarted) return;
    isStarted = true;
    void beat();
    if (enableAutoCommit) void commitNowAndThen();
  }

  function done(): void {
    finish(holdings);
    const stopping = holdings.atHand?.run.holding.stopping === true;
    holdings.atHand = undefined;
    onIdle?.();
    if (stopping) void quietly(() => membership.sync());
  }

  async function next(
    whole: boolean,
    stop: AbortSignal | undefined,
  ): Promise<readonly ConsumerRecord[] | undefined> {
    for (;;) {
      stop?.throwIfAborted();
      if (closing.signal.aborted) return undefined;
      const given = hand(holdings, whole);
      if (given === undefined && failure !== undefined) {
        const error = failure;
        failure = undefined;
        throw error;
      }
      // One answer is read ahead.
      const filling = holdings.waiting.length === 0 && failure === undefined ? quietlyFill() : undefined;
      if (given !== undefined) return given;
      await untilAborted(filling, [stop, closing.signal]);
    }
  }

  async function quietlyFill(): Promise<void> {
    try {
      await poller.fill();
    } catch (error) {
      if (!signal.aborted) failure ??= error;
    }
  }

  async function* iterate<T>(
    whole: boolean,
    pick: (records: readonly ConsumerRecord[]) => T,
    stop: AbortSignal | undefined,
  ): AsyncGenerator<T, void, undefined> {
    if (isIterating) throw refusal('INVALID_REQUEST', 'There is a loop over the records already');
    isIterating = true;
    try {
      for (;;) {
        const given = await next(whole, stop);
        if (given === undefined) return;
        yield pick(given);
        done();
      }
    } finally {
      putBack(holdings);
      isIterating = false;
      onIdle?.();
    }
  }

  function held(name: PartitionName): Holding {
    const holding = find(holdings, name);
    if (holding !== undefined) return holding;
    const message = `Partition ${name.partition} of topic '${name.topic}' is not assigned to this consumer`;
    throw refusal('FENCED_MEMBER_EPOCH', message);
  }

  /** All of them or none. */
  function each<T extends PartitionName>(
    names: readonly T[],
    run: (holding: Holding, name: T) => void,
  ): void {
    const found = names.map(held);
    for (const [i, holding] of found.entries()) run(holding, names[i]!);
    poller.interrupt();
  }

  const records = ({ signal }: IterationOptions = {}) => iterate(false, (given) => given[0]!, signal);

  return {
    records,
    [Symbol.asyncIterator]: () => records(),
    batches: ({ signal } = {}) =>
      iterate(true, (given): ConsumerBatch => ({ ...nameOf(given[0]!), records: given }), signal),
    subscribe: (subscription) => start({ subscription }),
    async assign(partitions) {
      await start({ partitions });
      for (const { offset, ...name } of partitions)
        if (offset !== undefined) seek(holdings, held(name), offset);
    },
    assignment: () => [...holdings.held.values()].map(nameOf),
    pause: (partitions) => each(partitions, (holding) => pause(holdings, holding)),
    resume: (partitions) => each(partitions, resume),
    seek: (positions) => each(positions, (holding, { offset }) => seek(holdings, holding, offset)),
    async commit(offsets) {
      if (offsets === undefined) finish(holdings);
      try {
        await (offsets === undefined ? committer.finished() : committer.offsets(offsets));
      } catch (error) {
        if (isFenced(error)) void quietly(() => membership.sync());
        throw error;
      }
    },
    async close({ timeoutMs = 10_000 } = {}) {
      if (closing.signal.aborted) return;
      closing.abort();
      if (holdings.atHand !== undefined) {
        await Promise.race([
          new Promise<void>((resolve) => (onIdle = resolve)),
          webClock.sleep(timeoutMs, signal),
        ]);
      }
      try {
        await commitFinished();
        const all = [...holdings.held.values()].map(nameOf);
        if (all.length > 0) await options.onRevoked?.(all);
      } finally {
        ended.abort();
        await membership.current()?.leave();
      }
    },
  };
}

async function untilAborted(
  running: Promise<void> | undefined,
  signals: readonly (AbortSignal | undefined)[],
): Promise<void> {
  let wake: () => void = () => undefined;
  const aborted = new Promise<void>((resolve) => (wake = resolve));
  for (const signal of signals) signal?.addEventListener('abort', wake);
  await Promise.race([running, aborted]);
  for (const signal of signals) signal?.removeEventListener('abort', wake);
}

function configOf(options: ConsumerOptions): InstanceConfig {
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
