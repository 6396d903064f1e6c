import { ClientError, isKafkaError, refusal } from '../clientError.ts';
import { webClock } from '../clock.ts';
import type { CallOptions, Connection } from '../connection.ts';
import { type Holdings, isGain, loseAll, nameOf, reconcile } from './holdings.ts';
import { createInstance, type Heartbeat, type Instance, type InstanceConfig } from './instance.ts';
import type { PartitionName, Subscription } from './partitions.ts';
import type { Poller } from './poller.ts';

/** What is told of partitions that come and go. The consumer goes on when the hook is done. */
export interface RebalanceHooks {
  /** Before the first record of them. */
  readonly onAssigned?: (partitions: readonly PartitionName[]) => void | Promise<void>;
  /** Behind the last record of them, which may be committed here: they are this consumer's until the hook is done. */
  readonly onRevoked?: (partitions: readonly PartitionName[]) => void | Promise<void>;
  /** They are another's already; commits are refused. */
  readonly onLost?: (partitions: readonly PartitionName[]) => void | Promise<void>;
}

/** What the instance is to read: its part of some topics, or partitions by hand. */
export type Wish =
  | { readonly subscription: Subscription }
  | { readonly partitions: readonly PartitionName[] };

export interface MembershipOptions {
  readonly connection: Connection;
  readonly groupId: string;
  readonly config: InstanceConfig;
  readonly hooks: RebalanceHooks;
  readonly holdings: Holdings;
  /** Commits the positions of partitions that are about to go. */
  readonly commit: () => Promise<void>;
  readonly poller: () => Pick<Poller, 'isQuiet' | 'interrupt'>;
  readonly signal: AbortSignal;
}

export interface Membership {
  wish(wish: Wish): Promise<void>;
  wanted(): Wish | undefined;
  /** Gives up what is held, and leaves the group until there is another wish. */
  unwish(): Promise<void>;
  leave(options: CallOptions): Promise<void>;
  /** Made when it is first needed. Throws INVALID_REQUEST while there is no wish, FENCED_INSTANCE_ID after it was replaced. */
  instance(): Promise<Instance>;
  /** Whoever is told FENCED_INSTANCE_ID says so. */
  replaced(): Promise<void>;
  /** The one that there is. Throws FENCED_INSTANCE_ID after it was replaced. */
  current(): Instance | undefined;
  /** A heartbeat, and what follows from its answer: records dropped, hooks called, stops confirmed, a new instance. */
  sync(): Promise<void>;
  /** Resolves when none is under way. */
  synced(): Promise<void>;
  /** Whether a poll tells of something that is not known yet. */
  isNews(told: Pick<Heartbeat, 'epoch'> & { readonly revoking: number }): boolean;
  /** When a heartbeat is due, if no poll comes before. */
  dueAtMs(): number;
  /** A poll keeps the session as well. */
  heard(): void;
}

/** For an instance of which no use can be made; its session ends by itself, too. */
const LEAVE_MS = 5_000;

/** Sessions that may be lost one right after the other. */
const MAX_REJOINS = 3;

export function createMembership(options: MembershipOptions): Membership {
  const { connection, groupId, config, hooks, holdings, signal } = options;
  let wanted: Wish | undefined;
  let joining: Promise<Instance> | undefined;
  let current: Instance | undefined;
  /** Of a static member: by another that has its name, and all that is its. */
  let isReplaced = false;
  let last = { epoch: -1, revoking: 0, heartbeatIntervalMs: 0 };
  let heardAtMs = webClock.now();
  let syncing: Promise<void> = Promise.resolve();

  async function join(wish: Wish): Promise<Instance> {
    const instance = await createInstance(connection, groupId, config, signal);
    try {
      await tellFirst(instance, wish, signal);
    } catch (error) {
      await instance.leave({ timeoutMs: LEAVE_MS }).catch(() => undefined);
      throw error;
    }
    current = instance;
    return instance;
  }

  function requireName(): void {
    if (!isReplaced) return;
    throw refusal('FENCED_INSTANCE_ID', 'Another consumer with this group.instance.id has taken over');
  }

  async function instance(): Promise<Instance> {
    requireName();
    if (wanted === undefined) {
      throw refusal('INVALID_REQUEST', 'The consumer has neither a subscription nor partitions assigned');
    }
    if (joining === undefined) {
      const joined = join(wanted);
      joining = joined;
      joined.catch(() => {
        if (joining === joined) joining = undefined;
      });
    }
    return joining;
  }

  /** The session is over, and its partitions are others'. Partitions assigned by hand are nobody else's: they go on. */
  async function lose(): Promise<void> {
    joining = undefined;
    current = undefined;
    if (!isReplaced && wanted !== undefined && 'partitions' in wanted) {
      for (const holding of holdings.held.values()) {
        holding.told = undefined;
        holding.seekTo ??= holding.expected;
      }
    } else {
      await call(hooks.onLost, loseAll(holdings));
    }
  }

  async function replaced(): Promise<void> {
    isReplaced = true;
    await lose();
  }

  async function heartbeat(): Promise<{ told: Heartbeat; isQuiet: boolean; by: Instance }> {
    for (let rejoins = 0; ; rejoins++) {
      const by = await instance();
      const stopped = [...holdings.held.values()].filter((holding) => holding.stopped);
      const quietBefore = options.poller().isQuiet();
      try {
        const told = await by.heartbeat(stopped, signal);
        return { told, isQuiet: quietBefore && options.poller().isQuiet(), by };
      } catch (error) {
        if (isKafkaError(error, 'FENCED_INSTANCE_ID')) await replaced();
        else if (isKafkaError(error, 'UNKNOWN_MEMBER_ID') && rejoins < MAX_REJOINS) await lose();
        else throw error;
      }
    }
  }

  async function sync(): Promise<void> {
    while (wanted !== undefined) {
      // Also if it fails: the next is tried when it is due.
      heardAtMs = webClock.now();
      const { told, isQuiet, by } = await heartbeat();
      last = { ...told, revoking: told.revoking.length };
      // Where the server stands tells no more where the loop begins, if a poll has moved it.
      const committed = isGain(holdings, told) ? await by.committed({ signal }) : [];
      const { gained, lost } = reconcile(holdings, told, {
        committed,
        isEarliest: config['auto.offset.reset'] === 'earliest',
        isQuiet,
      });
      await call(hooks.onLost, lost);
      await call(hooks.onAssigned, gained);
      // A poll that waits knows nothing of them.
      if (gained.length > 0) options.poller().interrupt();
      const stopping = [...holdings.held.values()].filter(
        (holding) => holding.stopping && !holding.stopped && holdings.atHand?.run.holding !== holding,
      );
      if (stopping.length === 0) return;
      await options.commit();
      requireName();
      await call(hooks.onRevoked, stopping);
      for (const holding of stopping) holding.stopped = true;
    }
  }

  async function unwish(): Promise<void> {
    if (wanted === undefined) return;
    await options.commit();
    const revoked = [...holdings.held.values()].filter(({ stopped }) => !stopped);
    await call(hooks.onRevoked, revoked);
    const left = current;
    wanted = undefined;
    joining = undefined;
    current = undefined;
    loseAll(holdings);
    options.poller().interrupt();
    // What a static member holds would be kept for it.
    await left?.unsubscribe(signal);
    await left?.leave({ signal });
  }

  /** One at a time. */
  function inTurn(run: () => Promise<void>): Promise<void> {
    syncing = syncing.then(run, run);
    return syncing;
  }

  return {
    instance,
    replaced,
    wanted: () => wanted,
    current() {
      requireName();
      return current;
    },
    leave: async (options) => current?.leave(options),
    dueAtMs: () => heardAtMs + last.heartbeatIntervalMs,
    heard() {
      heardAtMs = webClock.now();
    },
    isNews: ({ epoch, revoking }) => epoch !== last.epoch || revoking !== last.revoking,
    sync: () => inTurn(sync),
    synced: () => syncing.catch(() => undefined),
    unwish: () => inTurn(unwish),
    async wish(wish) {
      const before = { wanted, joining };
      wanted = wish;
      try {
        const joined = await instance();
        if (before.joining !== undefined) await tell(joined, wish, signal);
      } catch (error) {
        // The next heartbeat makes another instance, and tells that.
        if (isKafkaError(error, 'UNKNOWN_MEMBER_ID')) return;
        wanted = before.wanted;
        throw error;
      }
    },
  };
}

/** A static member comes into what the one before it was subscribed to, which may be of another kind. */
async function tellFirst(instance: Instance, wish: Wish, signal: AbortSignal): Promise<void> {
  try {
    await tell(instance, wish, signal);
  } catch (error) {
    if (!(error instanceof ClientError && error.kafka === 'INVALID_REQUEST' && error.status === 409))
      throw error;
    await instance.unsubscribe(signal);
    await tell(instance, wish, signal);
  }
}

function tell(instance: Instance, wish: Wish, signal: AbortSignal): Promise<void> {
  return 'subscription' in wish
    ? instance.subscribe(wish.subscription, signal)
    : instance.assign(wish.partitions, signal);
}

async function call(
  hook: RebalanceHooks[keyof RebalanceHooks],
  partitions: readonly PartitionName[],
): Promise<void> {
  if (partitions.length > 0) await hook?.(partitions.map(nameOf));
}
