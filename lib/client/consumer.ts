import { ClientError, isKafkaError, refusal } from './clientError.ts';
import { startTimer, webClock } from './clock.ts';
import { connect } from './connection.ts';
import { createCommitter, isFenced, notHeld } from './consumer/committer.ts';
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
import type { ConsumerRecord } from './consumer/instance.ts';
import { createMembership } from './consumer/membership.ts';
import {
  type Consumer,
  type ConsumerBatch,
  type ConsumerOptions,
  configOf,
  type IterationOptions,
} from './consumer/options.ts';
import type { PartitionName } from './consumer/partitions.ts';
import { createPoller } from './consumer/poller.ts';

export function consumer(options: ConsumerOptions): Consumer {
  const {
    fetchMaxWaitMs = 5_000,
    requestTimeoutMs = 30_000,
    maxPollIntervalMs = 300_000,
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
    commit: commitPositions,
    poller: () => poller,
    signal,
  });
  const poller = createPoller({ connection, holdings, membership, fetchMaxWaitMs, requestTimeoutMs, signal });
  let failure: unknown;
  let isIterating = false;
  /** Since when nobody has asked for a record; `undefined` while somebody waits for one. */
  let busySinceMs: number | undefined = webClock.now();
  let onIdle: (() => void) | undefined;
  let isStarted = false;
  let closed: Promise<void> | undefined;

  /** By the consumer itself: what it may not commit is another's to commit. */
  async function commitPositions(): Promise<void> {
    if (!enableAutoCommit) return;
    await committer.positions().catch(async (error) => {
      if (!isFenced(error)) throw error;
      if (isKafkaError(error, 'FENCED_INSTANCE_ID')) await membership.replaced();
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

  /** As Kafka's consumer, which then leaves: the session runs out. */
  const isStuck = () => busySinceMs !== undefined && webClock.now() - busySinceMs > maxPollIntervalMs;

  async function beat(): Promise<void> {
    while (!signal.aborted) {
      const waitMs = membership.dueAtMs() - webClock.now();
      if (waitMs > 0) await webClock.sleep(waitMs, signal);
      else if (isStuck()) await webClock.sleep(STUCK_LOOK_MS, signal);
      else await quietly(() => membership.sync());
    }
  }

  async function commitNowAndThen(): Promise<void> {
    while (!signal.aborted) {
      await webClock.sleep(autoCommitIntervalMs, signal);
      if (!signal.aborted) await quietly(commitPositions);
    }
  }

  async function start(wish: Parameters<typeof membership.wish>[0]): Promise<void> {
    if (closing.signal.aborted) throw isClosed();
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
    busySinceMs = undefined;
    try {
      return await nextGiven(whole, stop);
    } finally {
      busySinceMs = webClock.now();
    }
  }

  async function nextGiven(
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
    if (holding === undefined) throw notHeld(name);
    return holding;
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

  async function close(timeoutMs: number): Promise<void> {
    closing.abort();
    if (holdings.atHand !== undefined) {
      await Promise.race([
        new Promise<void>((resolve) => (onIdle = resolve)),
        webClock.sleep(timeoutMs, signal),
      ]);
    }
    const timer = startTimer(() => ended.abort(isClosed()), timeoutMs);
    try {
      await commitPositions();
      const all = [...holdings.held.values()].map(nameOf);
      if (all.length > 0) await options.onRevoked?.(all);
    } finally {
      clearTimeout(timer);
      ended.abort(isClosed());
      await membership.leave({ timeoutMs });
    }
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
    unsubscribe: () => membership.unwish(),
    assignment: () => [...holdings.held.values()].map(nameOf),
    pause: (partitions) => each(partitions, (holding) => pause(holdings, holding)),
    resume: (partitions) => each(partitions, resume),
    seek: (positions) => each(positions, (holding, { offset }) => seek(holdings, holding, offset)),
    async commit(offsets) {
      if (offsets === undefined) finish(holdings);
      try {
        membership.current();
        const needed = holdings.atHand?.run.holding;
        await (offsets === undefined ? committer.positions(needed) : committer.offsets(offsets));
      } catch (error) {
        if (isKafkaError(error, 'FENCED_INSTANCE_ID')) await membership.replaced();
        else if (isFenced(error)) void quietly(() => membership.sync());
        throw error;
      }
    },
    close({ timeoutMs = 10_000 } = {}) {
      closed ??= close(timeoutMs);
      return closed;
    },
  };
}

const isClosed = () => refusal('INVALID_REQUEST', 'The consumer is closed');

/** How often to look whether a loop goes on that did not for long. */
const STUCK_LOOK_MS = 1_000;

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
