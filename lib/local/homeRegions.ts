import { unopened } from '../../functions/handler.ts';
import { systemClock } from '../clock.ts';
import { copyEpoch } from '../failover/adopt.ts';
import { createArrived } from '../failover/arrived.ts';
import { createAuthority } from '../failover/authority.ts';
import type { FailoverRegion } from '../failover/failover.ts';
import { type Home, homeKey, latest, parseHome } from '../failover/home.ts';
import { createHomes, homeTables } from '../failover/homes.ts';
import { FAILOVER_LIMITS } from '../failover/limits.ts';
import { logError } from '../logError.ts';
import { createInProcessQueue } from '../queue/inProcess.ts';
import type { Region } from '../replication/region.ts';
import type { ItemTables } from '../storage/ports.ts';
import { createWadi, type Wadi } from '../wadi.ts';
import { type Bucket, createBucketReplication } from './bucketReplication.ts';
import type { LocalCluster } from './cluster.ts';
import { failoverRoutes } from './failovers.ts';
import { faultRoutes, isOfFaults } from './faults.ts';
import { contextOf, type LocalFunction, loadFunctions, routesOf } from './functions.ts';
import { globalTables } from './globalTables.ts';
import { type LocalMaintenance, startMaintenance } from './maintenance.ts';
import { openRegionStorage } from './regionStorage.ts';
import { LOCAL_REPLICATION_LIMITS, type RegionsOptions } from './regions.ts';
import { type Server, startServer } from './server.ts';
import { startStreams } from './streams.ts';
import { watchRegions } from './watchRegions.ts';
import { createWeather, inWeather, tablesInWeather } from './weather.ts';

/** Items take up to so long to another region: DynamoDB's global tables take some hundred ms more often than not. */
export const ITEM_LAG_MS = 500;
/** How often a region looks whether it has become home, or is so no more. */
const LOOK_MS = 1_000;

/** What a region serves in one epoch. */
interface Epoch {
  readonly home: Home;
  readonly wadi: Wadi;
  readonly functions: ReadonlyMap<string, LocalFunction>;
  close(): Promise<void>;
}

/**
 * As `startRegions`, but each region has a copy of the items of its own, to which those of the region that is home are replicated with a lag. Which
 * one that is can be changed (`failovers.ts`).
 */
export async function startHomeRegions(
  names: readonly string[],
  options: RegionsOptions,
): Promise<LocalCluster> {
  const {
    clock,
    storage,
    authorizer,
    streams,
    port,
    host,
    maintenanceIntervalMs: intervalMs,
    onMaintenance,
  } = options;
  const { byRegion, close: closeStorage } = await openRegionStorage(storage, names, { shared: false });
  const weathers = new Map(names.map((name) => [name, createWeather(name)]));
  const buckets = names.map((name): Bucket => {
    const weather = weathers.get(name)!;
    return { weather, objects: inWeather(byRegion.get(name)!.objects, weather, clock) };
  });
  const bucketReplication = createBucketReplication(buckets, clock);
  const copies = Object.fromEntries(
    names.map((name): [string, ItemTables] => [
      name,
      tablesInWeather(byRegion.get(name)!, weathers.get(name)!),
    ]),
  );
  const isOpen = (from: string, to: string) =>
    weathers.get(from)!.fault() !== 'down' && !['down', 'stale'].includes(weathers.get(to)!.fault());
  const global = globalTables(copies, { clock, lagMs: () => Math.random() * ITEM_LAG_MS, open: isOpen });
  const all = buckets.map((bucket, i): Region & { url?: string } => {
    return { id: i + 1, name: names[i]!, objects: bucketReplication.from(bucket) };
  });
  const regions = all.map(
    ({ name, objects }): FailoverRegion => ({ name, objects, tables: global.regions[name]! }),
  );
  const closing = new AbortController();
  const limits = { ...FAILOVER_LIMITS, ...options.home };
  const failovers = failoverRoutes({ regions, clock, limits, signal: closing.signal });
  const extra = extraFunctions(
    new Map([
      ...failovers,
      ...faultRoutes(buckets.map(({ weather }, i) => ({ weather, url: () => all[i]!.url ?? '' }))),
    ]),
  );
  const servers: Server[] = [];
  const stops: (() => Promise<void>)[] = [];
  const opened = new Map<string, Epoch>();

  async function close(): Promise<void> {
    closing.abort();
    await Promise.all(servers.map((server) => server.close()));
    for (const stop of stops) await stop();
    bucketReplication.close();
    global.close();
    await closeStorage();
  }

  async function open(local: string, home: Home): Promise<Epoch> {
    await opened.get(local)?.close();
    const queue = createInProcessQueue();
    const others = regions.filter(({ name }) => name !== home.home);
    const wadi = await createWadi({
      storage: {
        ...homeTables(home, (name) => global.regions[name]!, authorities.get(local)!),
        objects: byRegion.get(local)!.objects,
        close: async () => undefined,
      },
      arrived: createArrived(
        others.map(({ tables }) => tables.log),
        home.epoch,
        clock,
      ),
      ...{ clock, queue, regions: { local, all }, replicationLimits: LOCAL_REPLICATION_LIMITS },
      ...(authorizer && { authorizer }),
      warn: logError,
    });
    const isHome = home.home === local;
    const report = onMaintenance && { report: onMaintenance };
    const maintenance: LocalMaintenance | undefined = isHome
      ? await startMaintenance(wadi, queue, { intervalMs, ...report })
      : undefined;
    const stopWatching = isHome ? watchRegions(wadi) : () => undefined;
    const running = startStreams(wadi, isHome ? streams : []);
    const epoch: Epoch = {
      ...{ home, wadi, functions: await loadFunctions(wadi) },
      async close() {
        stopWatching();
        await running.close();
        await maintenance?.close();
      },
    };
    opened.set(local, epoch);
    return epoch;
  }

  const authorities = new Map(
    names.map((name) => {
      const asked = regions.map(({ name, tables }) => ({ name, metadata: tables.metadata }));
      return [name, createAuthority(asked, clock, options.home)];
    }),
  );

  try {
    await bringUpToDate(regions);
    for (const [i, name] of names.entries()) {
      const weather = weathers.get(name)!;
      const homes = createHomes(authorities.get(name)!, (home) => open(name, home));
      // A failover that broke off with the process before is to be done again: by way of the front.
      await homes.current().catch(() => undefined);
      const isCut = (path: string) =>
        weather.fault() === 'down' && !isOfFaults(path) && !path.startsWith('/local/');
      const functions = new Map([...servedBy(async () => (await homes.current()).functions), ...extra]);
      const at = { host, port: port === 0 ? 0 : port + i };
      const server = await startServer({ ...at, functions, isCut });
      servers.push(server);
      all[i]!.url = server.url;
      weather.onChange(server.cut);
      const timer = setInterval(() => {
        if (weather.fault() !== 'down') homes.current().catch(() => undefined);
      }, LOOK_MS).unref();
      stops.push(async () => {
        clearInterval(timer);
        const last = opened.get(name);
        await last?.close();
        await last?.wadi.log.settled();
      });
    }
  } catch (error) {
    await close();
    throw error;
  }
  function openedBy(region: string): Epoch {
    const epoch = opened.get(region);
    if (epoch !== undefined) return epoch;
    throw new Error(
      'nobody is home yet: a failover broke off, and is to be done again (wadi regions failover)',
    );
  }

  const fronts = names.map((region, i) => ({
    ...{ region, url: servers[i]!.url },
    get wadi() {
      return openedBy(region).wadi;
    },
  }));
  return {
    url: fronts[0]!.url,
    get wadi() {
      return fronts[0]!.wadi;
    },
    ...{ fronts, close },
  };
}

/** The routes of the API, each served by what counts when it is asked. */
function servedBy(current: () => Promise<ReadonlyMap<string, LocalFunction>>): Map<string, LocalFunction> {
  return new Map(
    routesOf().map(({ route, context }) => [
      route,
      {
        context,
        async handler(event, lambdaContext) {
          try {
            return await (await current()).get(route)!.handler(event, lambdaContext);
          } catch (error) {
            return unopened(error, event.rawPath);
          }
        },
      },
    ]),
  );
}

function extraFunctions(handlers: ReturnType<typeof faultRoutes>): ReadonlyMap<string, LocalFunction> {
  const context = contextOf({ name: 'local', memoryMb: 128, timeoutSeconds: 30 });
  return new Map([...handlers].map(([route, handler]) => [route, { handler, context }]));
}

/** What was under way between the regions when the process before ended is lost: so each begins with what home has. */
async function bringUpToDate(regions: readonly FailoverRegion[]): Promise<void> {
  const said = await Promise.all(
    regions.map(async ({ name, tables }) =>
      parseHome(await tables.metadata.get(homeKey(name)), regions[0]!.name),
    ),
  );
  const { epoch, home, ready, before } = latest(said);
  const last = ready || before === undefined ? { epoch, home } : before;
  const source = regions.find(({ name }) => name === last.home)!;
  for (const { name, tables } of regions) {
    if (name === source.name) continue;
    const epochs = { from: last.epoch, to: last.epoch };
    await copyEpoch(systemClock, source.tables, tables, epochs, FAILOVER_LIMITS, () => undefined, true);
  }
}
