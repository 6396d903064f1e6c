import { systemClock } from '../../lib/clock.ts';
import { createArrived } from '../../lib/failover/arrived.ts';
import { createAuthority } from '../../lib/failover/authority.ts';
import type { Home } from '../../lib/failover/home.ts';
import { createHomes, type Homes, homeTables } from '../../lib/failover/homes.ts';
import type { LogOptions } from '../../lib/log/createLog.ts';
import type { LambdaSettings } from '../../lib/settings.ts';
import { awsTables } from '../../lib/storage/aws/aws.ts';
import type { Storage } from '../../lib/storage/ports.ts';

/** The tables that a function works on. */
export interface Tables {
  readonly tables: Pick<Storage, 'log' | 'metadata' | 'groups'>;
  readonly arrived?: LogOptions['arrived'];
  /** Whose they are. */
  readonly home?: Pick<Home, 'epoch' | 'home'>;
}

/** The tables of a region, under its name. */
export type Copy = Tables['tables'] & { readonly name: string };

export interface ServingHomes<T> extends Homes<T> {
  /** Nothing may run in the background when a function has answered, since it is frozen then. */
  settled(): Promise<void>;
}

/**
 * Of a cluster of eventual consistency: opens anew for each epoch, over the tables of the region that is home in it.
 */
export function homesOf<T>(copies: readonly Copy[], open: (tables: Tables) => Promise<T>): ServingHomes<T> {
  const tablesOf = (name: string) => copies.find((copy) => copy.name === name)!;
  const authority = createAuthority(copies, systemClock);
  const homes = createHomes(authority, (home) => {
    const others = copies.filter(({ name }) => name !== home.home);
    return open({
      tables: homeTables(home, tablesOf, authority),
      arrived: createArrived(
        others.map(({ log }) => log),
        home.epoch,
        systemClock,
      ),
      home,
    });
  });
  return { current: homes.current, settled: authority.settled };
}

export function copiesOf(settings: LambdaSettings): Copy[] {
  return copyRegions(settings).map((name) => ({ name, ...awsTables({ ...settings, region: name }) }));
}

/** Where there are copies of the tables, which have the same names everywhere; the first is home until another is. */
export function copyRegions({ regions = [], witnessRegion }: LambdaSettings): string[] {
  return [...regions.map(({ name }) => name), ...(witnessRegion ? [witnessRegion] : [])];
}
