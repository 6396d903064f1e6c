import { isKafkaError } from '../clientError.ts';
import type { Connection } from '../connection.ts';
import {
  accept,
  arrive,
  find,
  type Holding,
  type Holdings,
  nameOf,
  possibleStarts,
  type Starts,
  settle,
} from './holdings.ts';
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

interface Answered {
  readonly instance: Instance;
  readonly page: Page;
  readonly starts: Starts;
}

/** What it was is over; or what a poll took that nobody heard of is another's; or another polls under its name. */
const NEWS = [
  'UNKNOWN_MEMBER_ID',
  'FENCED_INSTANCE_ID',
  'FENCED_MEMBER_EPOCH',
  'INVALID_FETCH_SESSION_EPOCH',
] as const;

export function createPoller(options: PollerOptions): Poller {
  const { connection, holdings, membership, fetchMaxWaitMs, requestTimeoutMs, signal } = options;
  let filling: Promise<void> | undefined;
  let waiting: AbortController | undefined;
  let isPolling = false;
  /** Kept until it is taken: nobody gives its records again. */
  let answered: Answered | undefined;

  /** Repeats it, with its key, until there is an answer. */
  function poll(instance: Instance): Promise<Answered> {
    // While it is not known where the loop begins there is nothing to commit.
    let waitMs = possibleStarts(holdings).length > 0 ? 0 : fetchMaxWaitMs;
    const once = async (): Promise<Answered> => {
      for (;;) {
        const starts = possibleStarts(holdings);
        waiting = new AbortController();
        if (signal.aborted) throw signal.reason;
        try {
          membership.heard();
          const timeoutMs = waitMs + requestTimeoutMs;
          const page = await instance.poll({ waitMs, timeoutMs, signal: waiting.signal });
          return { instance, page, starts };
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
    const unknown = new Set<Holding>();
    for (;;) {
      const seeking = [...holdings.held.values()].filter(
        ({ seekTo, stopping }) => seekTo !== undefined && !stopping,
      );
      if (seeking.length === 0) break;
      const positions = seeking.map((holding) => ({ ...nameOf(holding), offset: holding.seekTo! }));
      await instance.seek(positions, signal);
      for (const [i, holding] of seeking.entries()) {
        if (holding.seekTo === positions[i]!.offset) holding.seekTo = undefined;
        if (holding.position === undefined) unknown.add(holding);
      }
    }
    if (unknown.size === 0) return;
    await membership.sync();
    for (const holding of unknown) arrive(holding);
  }

  async function fill(): Promise<void> {
    const instance = await membership.instance();
    const wanted = membership.wanted();
    try {
      if (answered?.instance !== instance) {
        answered = undefined;
        isPolling = false;
        await seek(instance);
        isPolling = true;
        answered = await poll(instance);
        membership.heard();
      }
      await take(answered);
      answered = undefined;
      isPolling = false;
    } catch (error) {
      isPolling = answered !== undefined;
      // A poll that is refused since it came after that.
      if (membership.wanted() !== wanted) return;
      if (!NEWS.some((name) => isKafkaError(error, name))) throw error;
      await membership.sync();
    }
  }

  async function take({ instance, page, starts }: Answered): Promise<void> {
    const isStrange = page.records.some((record) => find(holdings, record) === undefined);
    await (isStrange || membership.isNews(page) ? membership.sync() : membership.synced());
    if (membership.current() !== instance) return;
    accept(holdings, page.records);
    settle(starts);
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
