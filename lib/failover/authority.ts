import type { Clock } from '../clock.ts';
import { type Condition, type ItemStore, StorageError } from '../storage/ports.ts';
import { agreed, type Home, homeItem, homeKey, isSame, latest, majorityOf, parseHome } from './home.ts';

/** A region's own copy of the metadata table. */
export interface HomeRegion {
  readonly name: string;
  readonly metadata: Pick<ItemStore, 'get' | 'put'>;
}

export interface AuthorityLimits {
  /** For so long, from when it was asked, what most regions said counts. A failover waits longer, before the next home begins. */
  readonly leaseMs: number;
  /** Beyond this part of it, it is asked again, while it still counts. */
  readonly renewAfterMs: number;
}

export const AUTHORITY_LIMITS: AuthorityLimits = { leaseMs: 10_000, renewAfterMs: 5_000 };

/** By both clocks of a process. */
interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

function moment(clock: Clock): Moment {
  const wallMs = clock.now();
  return { wallMs, monotonicMs: clock.monotonicMs?.() ?? wallMs };
}

/** Who is home, as a process may rely on it. */
export interface Authority {
  /** Throws StorageError while it cannot be told, or a failover is under way. */
  current(): Promise<Home>;
  /** Whether that epoch counts at this moment, beyond doubt. */
  holds(epoch: number): boolean;
  /** Resolves when nobody is being asked in the background. */
  settled(): Promise<void>;
}

/**
 * What most regions say alike, for `leaseMs`. Why no two epochs ever count at once: whoever relies on one has asked before most regions
 * were told of the next, since at least one region is among both. A failover tells most regions, then waits for longer than a lease; only
 * then does the new epoch begin. Only how fast clocks go matters, not what they show.
 *
 * That a new home has begun does not count while fewer than most say so, for the next failover may ask the others. Whoever finds that, tells
 * more of them.
 */
export function createAuthority(
  regions: readonly HomeRegion[],
  clock: Clock,
  limits: AuthorityLimits = AUTHORITY_LIMITS,
): Authority {
  let known: { home: Home; asked: Moment } | undefined;
  let asking: Promise<Home> | undefined;

  async function renewed(): Promise<Home> {
    const asked = moment(clock);
    const said = await ask(regions, regions[0]!.name);
    const home = agreed([...said.values()], regions.length) ?? (await spread(said));
    if (!home.ready) throw new StorageError(`region ${home.home} is taking over`, 'no');
    known = { home, asked };
    return home;
  }

  /** Tells the regions that answered, and say something else, what the latest says. */
  async function spread(said: ReadonlyMap<HomeRegion, Home>): Promise<Home> {
    const home = latest([...said.values()]);
    if (!home.ready) return home;
    const isEarlier: Condition = {
      any: [
        { missing: ['pk'] },
        { path: ['epoch'], is: '<', value: home.epoch },
        { path: ['by'], is: '=', value: home.by },
      ],
    };
    const told = await Promise.allSettled(
      [...said].map(async ([{ name, metadata }, its]) => {
        if (isSame(its, home)) return true;
        return (await metadata.put(homeItem(name, home), isEarlier)).applied;
      }),
    );
    const count = told.filter((answer) => answer.status === 'fulfilled' && answer.value).length;
    if (count >= majorityOf(regions.length)) return home;
    throw new StorageError('the regions do not agree who is home', 'no');
  }

  const ageMs = (): number => {
    if (known === undefined) return Number.POSITIVE_INFINITY;
    const now = moment(clock);
    const wallMs = now.wallMs - known.asked.wallMs;
    // A clock that was set back tells nothing.
    if (wallMs < 0) return Number.POSITIVE_INFINITY;
    // Set back by less than has passed, or standing still while the machine sleeps: what either says has passed, has.
    return Math.max(wallMs, now.monotonicMs - known.asked.monotonicMs);
  };

  function renew(): Promise<Home> {
    asking ??= renewed().finally(() => {
      asking = undefined;
    });
    return asking;
  }

  return {
    async current() {
      if (ageMs() >= limits.leaseMs) return renew();
      if (ageMs() >= limits.renewAfterMs) renew().catch(() => undefined);
      return known!.home;
    },
    holds: (epoch) => known?.home.epoch === epoch && ageMs() < limits.leaseMs,
    async settled() {
      await asking?.catch(() => undefined);
    },
  };
}

/** What regions say: resolves as soon as most say the same, or all have answered or failed. Throws StorageError when fewer than most have. */
export function ask(regions: readonly HomeRegion[], first: string): Promise<ReadonlyMap<HomeRegion, Home>> {
  const needed = majorityOf(regions.length);
  return new Promise((resolve, reject) => {
    const said = new Map<HomeRegion, Home>();
    let failed = 0;
    let reason: unknown;
    const end = () => {
      const isEnough = agreed([...said.values()], regions.length) !== undefined;
      if (!isEnough && said.size + failed < regions.length) return;
      if (said.size >= needed) return resolve(said);
      const message = `fewer than ${needed} of ${regions.length} regions tell who is home`;
      reject(new StorageError(message, 'no', reason));
    };
    for (const region of regions) {
      region.metadata
        .get(homeKey(region.name))
        .then(
          (item) => {
            said.set(region, parseHome(item, first));
          },
          (error) => {
            failed++;
            reason = error;
          },
        )
        .then(end);
    }
  });
}
