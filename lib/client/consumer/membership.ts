import type { PartitionName, Subscription } from '../../group/groups.ts';
import { isKafkaError, refusal } from '../clientError.ts';
import { webClock } from '../clock.ts';
import type { Connection } from '../connection.ts';
import { type Holding, type Holdings, isSame, loseAll, nameOf, reconcile } from './holdings.ts';
import { createInstance, type Heartbeat, type Instance, type InstanceConfig } from './instance.ts';
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
  /** Commits what is finished of partitions that are about to go. */
  readonly commit: () => Promise<void>;
  readonly poller: () => Pick<Poller, 'isQuiet' | 'interrupt'>;
  readonly signal: AbortSignal;
}

export interface Membership {
  wish(wish: Wish): Promise<void>;
  /** Made when it is first needed. Throws INVALID_REQUEST before there is a wish, FENCED_MEMBER_EPOCH after it was replaced. */
  instance(): Promise<Instance>;
  current(): Instance | undefined;
  /** A heartbeat, and what follows from its answer: records dropped, hooks called, stops confirmed, a new instance. */
  sync(): Promise<void>;
  /** Whether a poll tells of something that is not known yet. */
  isNews(told: Pick<Heartbeat, 'epoch'> & { readonly revoking: number }): boolean;
  /** When a heartbeat is due, if no poll comes before. */
  dueAtMs(): number;
  /** A poll keeps the session as well. It does not tell that a static member was replaced. */
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
  let memberId: string | undefined;
  /** Of a static member: by another that has its name, and all that is its. */
  let isReplaced = false;
  let last = { epoch: -1, revoking: 0, heartbeatIntervalMs: 0 };
  let heardAtMs = webClock.now();
  let syncing: Promise<void> = Promise.resolve();

  async function join(wish: Wish): Promise<Instance> {
    const instance = await createInstance(connection, groupId, config, signal);
    try {
      await tell(instance, wish, signal);
    } catch (error) {
      await instance.leave({ timeoutMs: LEAVE_MS }).catch(() => undefined);
      throw error;
    }
    current = instance;
    return instance;
  }

  async function instance(): Promise<Instance> {
    if (isReplaced) {
      throw refusal('FENCED_MEMBER_EPOCH', 'Another consumer with this group.instance.id has taken over');
    }
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
    memberId = undefined;
    if (wanted !== undefined && 'partitions' in wanted) {
      for (const holding of holdings.held.values()) holding.seekTo ??= holding.expected;
    } else {
      await call(hooks.onLost, loseAll(holdings));
    }
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
        if (!isKafkaError(error, 'UNKNOWN_MEMBER_ID') || rejoins === MAX_REJOINS) throw error;
        await lose();
      }
    }
  }

  /** A poll may have moved the positions of what is new: they were what is committed, or where the group begins. */
  async function findPositions(by: Instance, gained: readonly Holding[]): Promise<void> {
    if (gained.length === 0) return;
    const committed = await by.committed({ signal });
    for (const holding of gained) {
      const known = committed.find((each) => isSame(each, holding));
      holding.expected = known?.offset;
      if (known === undefined && config['auto.offset.reset'] === 'earliest') holding.seekTo = 'earliest';
    }
  }

  async function sync(): Promise<void> {
    for (;;) {
      // Also if it fails: the next is tried when it is due.
      heardAtMs = webClock.now();
      const { told, isQuiet, by } = await heartbeat();
      last = { ...told, revoking: told.revoking.length };
      if (memberId !== undefined && memberId !== told.memberId) {
        isReplaced = true;
        await lose();
        continue;
      }
      memberId = told.memberId;
      const { gained, lost } = reconcile(holdings, told, isQuiet);
      await call(hooks.onLost, lost);
      if (!isQuiet) await findPositions(by, gained);
      await call(hooks.onAssigned, gained);
      // A poll that waits knows nothing of them.
      if (gained.length > 0) options.poller().interrupt();
      const stopping = [...holdings.held.values()].filter(
        (holding) => holding.stopping && !holding.stopped && holdings.atHand?.run.holding !== holding,
      );
      if (stopping.length === 0) return;
      await options.commit();
      await call(hooks.onRevoked, stopping);
      for (const holding of stopping) holding.stopped = true;
    }
  }

  return {
    instance,
    current: () => current,
    dueAtMs: () => heardAtMs + last.heartbeatIntervalMs,
    heard() {
      if (config['group.instance.id'] === undefined) heardAtMs = webClock.now();
    },
    isNews: ({ epoch, revoking }) => epoch !== last.epoch || revoking !== last.revoking,
    sync() {
      syncing = syncing.then(sync, sync);
      return syncing;
    },
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
