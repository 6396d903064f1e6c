import { isKafkaError } from '../clientError.ts';
import type { Connection } from '../connection.ts';
import { accept, type Holdings, nameOf } from './holdings.ts';
import type { Instance, Page } from './instance.ts';
import type { Membership } from './membership.ts';

export interface PollerOptions {
  readonly connection: Connection;
  readonly holdings: Holdings;
  readonly membership: Membership;
  /** How long a poll waits. */
  readonly fetchMaxWaitMs: number;
  readonly requestTimeoutMs: number;
  readonly signal: AbortSignal;
}

export interface Poller {
  /** One poll, which goes on until it is answered, and what its answer brings; the one that is under way, if there is one. */
  fill(): Promise<void>;
  /** A poll that waits does so no longer: the next begins elsewhere. */
  interrupt(): void;
  /** No poll is under way, nor its answer in hand. */
  isQuiet(): boolean;
}

/** What it was is over; or what a poll took that nobody heard of is another's; or another polls under its name. */
const NEWS = ['UNKNOWN_MEMBER_ID', 'FENCED_MEMBER_EPOCH', 'INVALID_FETCH_SESSION_EPOCH'] as const;

export function createPoller(options: PollerOptions): Poller {
  const { connection, holdings, membership, fetchMaxWaitMs, requestTimeoutMs, signal } = options;
  let filling: Promise<void> | undefined;
  let waiting: AbortController | undefined;
  let isPolling = false;

  /** Repeats it, with its key, until there is an answer. */
  function poll(instance: Instance): Promise<Page> {
    let waitMs = fetchMaxWaitMs;
    const once = async (): Promise<Page> => {
      for (;;) {
        waiting = new AbortController();
        if (signal.aborted) throw signal.reason;
        try {
          membership.heard();
          return await instance.poll({
            waitMs,
            timeoutMs: waitMs + requestTimeoutMs,
            signal: waiting.signal,
          });
        } catch (error) {
          if (!waiting.signal.aborted || signal.aborted) throw error;
          waitMs = 0;
        }
      }
    };
    return connection.repeat(once, { timeoutMs: Number.POSITIVE_INFINITY, signal });
  }

  /** Until nobody has asked to go elsewhere meanwhile. */
  async function seek(instance: Instance): Promise<void> {
    for (;;) {
      const seeking = [...holdings.held.values()].filter(
        ({ seekTo, stopping }) => seekTo !== undefined && !stopping,
      );
      if (seeking.length === 0) return;
      const positions = seeking.map((holding) => ({ ...nameOf(holding), offset: holding.seekTo! }));
      await instance.seek(positions, signal);
      for (const [i, holding] of seeking.entries()) {
        if (holding.seekTo === positions[i]!.offset) holding.seekTo = undefined;
      }
    }
  }

  async function fill(): Promise<void> {
    const instance = await membership.instance();
    try {
      await seek(instance);
      isPolling = true;
      const page = await poll(instance);
      membership.heard();
      if (membership.isNews(page)) await membership.sync();
      await take(instance, page);
      isPolling = false;
    } catch (error) {
      isPolling = false;
      if (!NEWS.some((name) => isKafkaError(error, name))) throw error;
      await membership.sync();
    }
  }

  async function take(instance: Instance, { records }: Page): Promise<void> {
    if (membership.current() !== instance) return;
    const strange = accept(holdings, records);
    if (strange.length === 0) return;
    await membership.sync();
    if (membership.current() === instance) accept(holdings, strange);
  }

  const interrupt = () => waiting?.abort();
  signal.addEventListener('abort', interrupt);

  return {
    interrupt,
    isQuiet: () => !isPolling,
    fill() {
      filling ??= fill().finally(() => {
        filling = undefined;
      });
      return filling;
    },
  };
}
