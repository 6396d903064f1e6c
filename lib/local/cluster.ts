import type { Context } from 'aws-lambda';
import type { CreateHandler, HttpHandler } from '../../functions/handler.ts';
import { type FunctionSpec, HTTP_FUNCTIONS } from '../../functions/manifest.ts';
import type { AuthorizerOptions } from '../acl/decide.ts';
import { type Clock, systemClock } from '../clock.ts';
import type { Worked } from '../maintenance/worker.ts';
import { createInProcessQueue } from '../queue/inProcess.ts';
import type { Storage } from '../storage/ports.ts';
import { createWadi, type Wadi } from '../wadi.ts';
import { startMaintenance } from './maintenance.ts';
import { startServer } from './server.ts';
import { openStorage, type StorageOptions } from './storage.ts';

export interface LocalClusterOptions {
  /** 127.0.0.1 by default. */
  readonly host?: string;
  /** 0, the default, for any that is free. */
  readonly port?: number;
  /** What to rest on, or how to open it: in memory by default. It is closed with the cluster. */
  readonly storage?: Storage | StorageOptions;
  readonly clock?: Clock;
  readonly authorizer?: AuthorizerOptions;
  /** How often maintenance looks for what is due: a minute by default; 0, only when it is asked to run. */
  readonly maintenanceIntervalMs?: number;
  /** Told what maintenance has done. */
  readonly onMaintenance?: (worked: Worked) => void;
}

const MAINTENANCE_INTERVAL_MS = 60_000;

export interface LocalCluster {
  readonly url: string;
  readonly wadi: Wadi;
  /** Ends what waits, lets the rest finish, and closes the storage. */
  close(): Promise<void>;
}

/** The deployed functions behind a local HTTP server and on timers, in this process. */
export async function startLocalCluster(options: LocalClusterOptions = {}): Promise<LocalCluster> {
  const { host = '127.0.0.1', port = 0, storage: chosen = { kind: 'memory' }, clock = systemClock } = options;
  const storage = 'kind' in chosen ? await openStorage(chosen) : chosen;
  try {
    const queue = createInProcessQueue();
    const wadi = await createWadi({
      storage,
      clock,
      queue,
      ...(options.authorizer && { authorizer: options.authorizer }),
    });
    const server = await startServer({ host, port, functions: await loadFunctions(wadi) });
    const { maintenanceIntervalMs: intervalMs = MAINTENANCE_INTERVAL_MS, onMaintenance: report } = options;
    const maintenance = await startMaintenance(wadi, queue, { intervalMs, ...(report && { report }) });
    return {
      url: server.url,
      wadi,
      async close() {
        await server.close();
        await maintenance.close();
        await wadi.log.settled();
        await storage.close();
      },
    };
  } catch (error) {
    await storage.close();
    throw error;
  }
}

interface LocalFunction {
  readonly handler: HttpHandler;
  readonly context: Context;
}

/** The manifest's HTTP functions, by route. */
async function loadFunctions(wadi: Wadi): Promise<Map<string, LocalFunction>> {
  const byRoute = new Map<string, LocalFunction>();
  for (const spec of HTTP_FUNCTIONS) {
    const { createHandler }: { createHandler: CreateHandler } = await import(`../../functions/${spec.entry}`);
    const loaded = { handler: createHandler(wadi), context: contextOf(spec) };
    for (const route of spec.routes) byRoute.set(route, loaded);
  }
  return byRoute;
}

/** What Lambda tells a function of itself. */
function contextOf({ name, memoryMb, timeoutSeconds }: FunctionSpec): Context {
  return {
    functionName: name,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:local:000000000000:function:${name}`,
    memoryLimitInMB: String(memoryMb),
    awsRequestId: '',
    logGroupName: '',
    logStreamName: '',
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => timeoutSeconds * 1000,
    done() {},
    fail() {},
    succeed() {},
  };
}
