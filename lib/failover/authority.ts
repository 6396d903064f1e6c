import type { Clock } from '../clock.ts';
import { type ItemStore, StorageError } from '../storage/ports.ts';
import { type Home, homeKey, latest, majorityOf, parseHome } from './home.ts';

/** A region's own copy of the metadata table. */
export interface HomeRegion {
  readonly name: string;
  readonly metadata: Pick<ItemStore, 'get'>;
}

export interface AuthorityLimits {
  /** For so long, from when it was asked, what most regions said counts. A failover waits longer, before the next home begins. */
  readonly leaseMs: number;
  /** Beyond this part of it, it is asked again, while it still counts. */
  readonly renewAfterMs: number;
}

export const AUTHORITY_LIMITS: AuthorityLimits = { leaseMs: 10_000, renewAfterMs: 5_000 };

/** Who is home, as a process may rely on it. */
export interface Authority {
  /** Throws StorageError while it cannot be told, or a failover is under way. */
  current(): Promise<Home>;
  /** Whether that epoch counts at this moment, beyond doubt. */
  holds(epoch: number): boolean;
}

/**
 * What most regions say, for `leaseMs`. Why no two epochs ever count at once: whoever relies on one has asked before most regions were told of
 * the next, since at least one region is among both. A failover tells most regions, then waits for longer than a lease; only then does the
 * new epoch begin. Only how fast clocks go matters, not what they show.
 */
export function createAuthority(
  regions: readonly HomeRegion[],
  clock: Clock,
  limits: AuthorityLimits = AUTHORITY_LIMITS,
): Authority {
  let known: { home: Home; askedAtMs: number } | undefined;
  let asking: Promise<Home> | undefined;

  async function ask(): Promise<Home> {
    const askedAtMs = clock.now();
    const said = await saidByMost(regions, regions[0]!.name);
    if (!said.ready) throw new StorageError(`region ${said.home} is taking over`, 'no');
    if (known === undefined || said.epoch >= known.home.epoch) known = { home: said, askedAtMs };
    return known.home;
  }

  const ageMs = (): number => {
    const age = known === undefined ? -1 : clock.now() - known.askedAtMs;
    // A clock that was set back tells nothing.
    return age < 0 ? Number.POSITIVE_INFINITY : age;
  };

  function renew(): Promise<Home> {
    asking ??= ask().finally(() => {
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
  };
}

/** Resolves as soon as most regions have answered. Throws StorageError when that cannot be. */
export function saidByMost(regions: readonly HomeRegion[], first: string): Promise<Home> {
  const needed = majorityOf(regions.length);
  return new Promise((resolve, reject) => {
    const said: Home[] = [];
    let failed = 0;
    for (const { name, metadata } of regions) {
      metadata.get(homeKey(name)).then(
        (item) => {
          said.push(parseHome(item, first));
          if (said.length === needed) resolve(latest(said));
        },
        (error) => {
          if (++failed > regions.length - needed) {
            const message = `fewer than ${needed} of ${regions.length} regions tell who is home`;
            reject(new StorageError(message, 'no', error));
          }
        },
      );
    }
  });
}
