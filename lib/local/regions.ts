import type { AuthorizerOptions } from '../acl/decide.ts';
import type { Clock } from '../clock.ts';
import type { AuthorityLimits } from '../failover/authority.ts';
import type { FailoverLimits } from '../failover/limits.ts';
import { createInProcessQueue } from '../queue/inProcess.ts';
import { REPLICATION_LIMITS, type ReplicationLimits } from '../replication/limits.ts';
import type { Region } from '../replication/region.ts';
import type { Storage } from '../storage/ports.ts';
import type { StreamsApplication } from '../streams/runtime/application.ts';
import { createWadi } from '../wadi.ts';
import { type Bucket, createBucketReplication } from './bucketReplication.ts';
import type { LocalCluster } from './cluster.ts';
import { faultRoutes, isOfFaults } from './faults.ts';
import { type Front, type FrontOptions, startFront } from './front.ts';
import { contextOf } from './functions.ts';
import { regionNamesProblem } from './regionNames.ts';
import { openRegionStorage } from './regionStorage.ts';
import type { StorageOptions } from './storage.ts';
import { type LocalStreams, startStreams } from './streams.ts';
import { watchRegions } from './watchRegions.ts';
import { createWeather, inWeather } from './weather.ts';

export interface RegionsOptions
  extends Pick<FrontOptions, 'host' | 'port' | 'maintenanceIntervalMs' | 'onMaintenance'> {
  readonly storage: Storage | StorageOptions;
  readonly clock: Clock;
  readonly authorizer?: AuthorizerOptions;
  /** Each region works on them; where one is home, that one alone. */
  readonly streams: readonly StreamsApplication[];
  /** Of regions of which one is home: how long that can be relied on, and how long a failover waits. */
  readonly home?: Pick<AuthorityLimits, 'leaseMs' | 'renewAfterMs'> & Pick<FailoverLimits, 'fenceMs'>;
}

/** A region that is back is to be in sync while one watches; deployed, a minute is soon enough. */
export const LOCAL_REPLICATION_LIMITS: ReplicationLimits = { ...REPLICATION_LIMITS, rejoinMs: 1_000 };

/**
 * Several regions in this process: each with a front, maintenance and objects of its own. Items are shared by all, as in a global table. Any front
 * takes orders of what the regions are to suffer from (`faults.ts`). Throws an Error for names that no regions can have.
 */
export async function startRegions(names: readonly string[], options: RegionsOptions): Promise<LocalCluster> {
  const problem = regionNamesProblem(names);
  if (problem !== undefined) throw new Error(problem);
  const { clock, storage, authorizer, port, streams, ...served } = options;
  const { items, byRegion, close: closeStorage } = await openRegionStorage(storage, names, { shared: true });
  const buckets = names.map((name): Bucket => {
    const weather = createWeather(name);
    return { weather, objects: inWeather(byRegion.get(name)!.objects, weather, clock) };
  });
  const replication = createBucketReplication(buckets, clock);
  // The URL is known when the front listens.
  const all = buckets.map((bucket, i): Region & { url?: string } => {
    return { id: i + 1, name: names[i]!, objects: replication.from(bucket) };
  });
  const functions = functionsOfFaults(buckets, all);
  const fronts: Front[] = [];
  const stopWatching: (() => void)[] = [];
  const running: LocalStreams[] = [];

  async function close(): Promise<void> {
    for (const stop of stopWatching) stop();
    await Promise.all(running.map((each) => each.close()));
    await Promise.all(fronts.map((front) => front.close()));
    replication.close();
    await closeStorage();
  }

  try {
    for (const [i, { weather }] of buckets.entries()) {
      const queue = createInProcessQueue();
      const wadi = await createWadi({
        ...{ storage: items!, clock, queue, regions: { local: names[i]!, all } },
        replicationLimits: LOCAL_REPLICATION_LIMITS,
        ...(authorizer && { authorizer }),
      });
      const isCut = (path: string) => weather.fault() === 'down' && !isOfFaults(path);
      const at = { ...served, port: port === 0 ? 0 : port + i };
      const front = await startFront({ ...at, wadi, queue, functions, isCut });
      fronts.push(front);
      all[i]!.url = front.url;
      weather.onChange(front.cut);
      stopWatching.push(watchRegions(wadi));
      running.push(startStreams(wadi, streams));
    }
  } catch (error) {
    await close();
    throw error;
  }
  const listed = fronts.map(({ url, wadi }, i) => ({ region: names[i]!, url, wadi }));
  const { url, wadi } = listed[0]!;
  return { url, wadi, fronts: listed, close };
}

function functionsOfFaults(buckets: readonly Bucket[], all: readonly Region[]) {
  const context = contextOf({ name: 'faults', memoryMb: 128, timeoutSeconds: 30 });
  const regions = buckets.map(({ weather }, i) => ({ weather, url: () => all[i]!.url ?? '' }));
  return new Map([...faultRoutes(regions)].map(([route, handler]) => [route, { handler, context }]));
}
