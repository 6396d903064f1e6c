import { REPLICATION_LIMITS, type ReplicationLimits } from '../../lib/replication/limits.ts';
import type { Random } from './random.ts';

/** What befalls a region's bucket, for a while: calls of it fail at once, are not answered, or take seconds. */
export type Outage = {
  readonly region: string;
  readonly atMs: number;
  readonly forMs: number;
  readonly bucket: 'fails' | 'hangs' | 'is slow';
  /** And its processes. */
  readonly processes?: 'killed' | 'frozen';
};

/** A cluster of several regions: one store of items, and a bucket in each. */
export interface RegionsPlan {
  readonly names: readonly string[];
  readonly limits: ReplicationLimits;
  readonly outages: readonly Outage[];
  /** Of those who look at regions that are out: how long a worker works, and how long one that died holds the others up. */
  readonly runMs: number;
  readonly leaseMs: number;
}

/** `badWeatherMs`: outages come in this time. */
export function drawRegions(random: Random, badWeatherMs: number): RegionsPlan {
  const names = ['a', 'b', 'c'].slice(0, random.pick([2, 3, 3]));
  const limits: ReplicationLimits = {
    ...REPLICATION_LIMITS,
    viewMs: random.pick([20, 1_000, 10_000, 60_000]),
    // No shorter than what a call takes when all is well.
    lagMs: random.pick([200, 500, 2_000]),
    lagBytesPerSecond: random.pick([10_000, 1_000_000]),
    slowReadMs: random.pick([20, 500]),
    suspectMs: random.pick([50, 2_000]),
    coverRounds: random.pick([3, 8]),
    copiesAtOnce: random.between(1, 3),
    objectsPerPage: random.pick([1, 2, 5, 1_000]),
    headsAtOnce: random.between(1, 3),
    rejoinMs: random.pick([100, 500, 3_000]),
  };
  const outages = Array.from({ length: random.between(0, 4) }, () => drawOutage(random, names, badWeatherMs));
  // What a worker looks up before it does anything takes its time.
  const runMs = random.pick([700, 10_000]);
  return { names, limits, outages, runMs, leaseMs: random.pick([1, 1_000]) };
}

function drawOutage(random: Random, names: readonly string[], badWeatherMs: number): Outage {
  const processes = random.pick([undefined, undefined, 'killed', 'frozen'] as const);
  return {
    region: random.pick(names),
    atMs: Math.floor(random.real() * 0.7 * badWeatherMs),
    forMs: random.pick([300, 2_000, 10_000, 30_000]),
    bucket: random.pick(['fails', 'fails', 'hangs', 'is slow'] as const),
    ...(processes && { processes }),
  };
}
