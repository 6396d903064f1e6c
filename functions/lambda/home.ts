import { systemClock } from '../../lib/clock.ts';
import { createArrived } from '../../lib/failover/arrived.ts';
import { createAuthority } from '../../lib/failover/authority.ts';
import { createHomes, type Homes, homeTables } from '../../lib/failover/homes.ts';
import type { LogOptions } from '../../lib/log/createLog.ts';
import type { LambdaSettings } from '../../lib/settings.ts';
import { awsTables } from '../../lib/storage/aws/aws.ts';
import type { Storage } from '../../lib/storage/ports.ts';
import { logger } from './telemetry.ts';

/** The tables that a function works on. */
export interface Tables {
  readonly tables: Pick<Storage, 'log' | 'metadata' | 'groups'>;
  readonly arrived?: LogOptions['arrived'];
  /** Whether the function is in another region than that which is home. */
  readonly isElsewhere?: boolean;
}

export interface ServingHomes<T> extends Homes<T> {
  /** Nothing may run in the background when a function has answered, since it is frozen then. */
  settled(): Promise<void>;
}

/**
 * Of a cluster of eventual consistency: opens anew for each epoch, over the tables of the region that is home in it. Its tables have the same
 * names in every region.
 */
export function homesOf<T>(settings: LambdaSettings, open: (tables: Tables) => Promise<T>): ServingHomes<T> {
  const copies = copyRegions(settings).map((name) => ({ name, ...awsTables({ ...settings, region: name }) }));
  const tablesOf = (name: string) => copies.find((copy) => copy.name === name)!;
  const authority = createAuthority(copies, systemClock);
  const homes = createHomes(authority, (home) => {
    logger.info('home', { epoch: home.epoch, home: home.home });
    const others = copies.filter(({ name }) => name !== home.home);
    return open({
      tables: homeTables(home, tablesOf, authority),
      arrived: createArrived(
        others.map(({ log }) => log),
        home.epoch,
        systemClock,
      ),
      isElsewhere: home.home !== settings.region,
    });
  });
  return { current: homes.current, settled: authority.settled };
}

/** Where there are copies of the tables; the first is home until another is. */
export function copyRegions({ regions = [], witnessRegion }: LambdaSettings): string[] {
  return [...regions.map(({ name }) => name), ...(witnessRegion ? [witnessRegion] : [])];
}
