import type { AuthorizerOptions } from '../acl/decide.ts';
import { type Clock, systemClock } from '../clock.ts';
import type { Worked } from '../maintenance/worker.ts';
import { createInProcessQueue } from '../queue/inProcess.ts';
import type { Storage } from '../storage/ports.ts';
import type { StreamsApplication } from '../streams/runtime/application.ts';
import { createWadi, type Wadi } from '../wadi.ts';
import { startFront } from './front.ts';
import { startHomeRegions } from './homeRegions.ts';
import { requireNoRegions } from './regionStorage.ts';
import { type RegionsOptions, startRegions } from './regions.ts';
import { openStorage, type StorageOptions } from './storage.ts';
import { startStreams } from './streams.ts';

export interface LocalClusterOptions {
  /** 127.0.0.1 by default. */
  readonly host?: string;
  /** 0, the default, for any that is free. Of several regions: that of the first, behind which the others follow. */
  readonly port?: number;
  /** What to rest on, or how to open it: in memory by default. It is closed with the cluster. */
  readonly storage?: Storage | StorageOptions;
  readonly clock?: Clock;
  readonly authorizer?: AuthorizerOptions;
  /** How often maintenance looks for what is due: a minute by default; 0, only when it is asked to run. */
  readonly maintenanceIntervalMs?: number;
  /** Told what maintenance has done. */
  readonly onMaintenance?: (worked: Worked) => void;
  /** Names of regions, to be played on this machine: see `startRegions`. */
  readonly regions?: readonly string[];
  /** Of the regions' items: `strong`, the default, they are shared; `eventual`, each has a copy, and one is home: see `startHomeRegions`. */
  readonly consistency?: Consistency;
  /** Run by this process. */
  readonly streams?: readonly StreamsApplication[];
  /** See RegionsOptions. */
  readonly home?: RegionsOptions['home'];
}

export type Consistency = 'strong' | 'eventual';

const MAINTENANCE_INTERVAL_MS = 60_000;

export interface LocalCluster {
  /** Of the first region, if there are several. */
  readonly url: string;
  readonly wadi: Wadi;
  /** One of each region, in their order; of a cluster without regions one, with the name ''. */
  readonly fronts: readonly LocalFront[];
  /** Ends what waits, lets the rest finish, and closes the storage. */
  close(): Promise<void>;
}

export interface LocalFront {
  readonly region: string;
  readonly url: string;
  readonly wadi: Wadi;
}

/** The deployed functions behind a local HTTP server and on timers, in this process. */
export async function startLocalCluster(options: LocalClusterOptions = {}): Promise<LocalCluster> {
  const { host = '127.0.0.1', port = 0, clock = systemClock, authorizer, onMaintenance, regions } = options;
  const { storage = { kind: 'memory' }, maintenanceIntervalMs = MAINTENANCE_INTERVAL_MS } = options;
  const { streams = [] } = options;
  const served = { host, port, maintenanceIntervalMs, onMaintenance };
  const common = { clock, ...(authorizer && { authorizer }) };
  if (regions !== undefined) {
    const start = options.consistency === 'eventual' ? startHomeRegions : startRegions;
    const home = options.home && { home: options.home };
    return start(regions, { ...served, ...common, storage, streams, ...home });
  }
  requireNoRegions(storage);
  const opened = 'kind' in storage ? await openStorage(storage) : storage;
  try {
    const queue = createInProcessQueue();
    const wadi = await createWadi({ ...common, storage: opened, queue });
    const front = await startFront({ ...served, wadi, queue });
    const { url } = front;
    const running = startStreams(wadi, streams);
    return {
      ...{ url, wadi, fronts: [{ region: '', url, wadi }] },
      async close() {
        await running.close();
        await front.close();
        await opened.close();
      },
    };
  } catch (error) {
    await opened.close();
    throw error;
  }
}
