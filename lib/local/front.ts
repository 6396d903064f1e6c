import type { Worked } from '../maintenance/worker.ts';
import type { InProcessQueue } from '../queue/inProcess.ts';
import type { Wadi } from '../wadi.ts';
import { type LocalFunction, loadFunctions } from './functions.ts';
import { startMaintenance } from './maintenance.ts';
import { type Server, startServer } from './server.ts';

export interface FrontOptions {
  readonly wadi: Wadi;
  readonly queue: InProcessQueue;
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  readonly maintenanceIntervalMs: number;
  readonly onMaintenance?: ((worked: Worked) => void) | undefined;
  /** Beside the deployed ones, by route. */
  readonly functions?: ReadonlyMap<string, LocalFunction>;
  /** See ServerOptions. */
  readonly isCut?: (path: string) => boolean;
}

/** The deployed functions of one region: behind an HTTP server, and on timers. */
export interface Front extends Pick<Server, 'url' | 'cut'> {
  readonly wadi: Wadi;
  /** Ends what waits, and lets the rest finish. The storage stays open. */
  close(): Promise<void>;
}

export async function startFront(options: FrontOptions): Promise<Front> {
  const { wadi, queue, host, port, isCut } = options;
  const functions = new Map([...(await loadFunctions(wadi)), ...(options.functions ?? [])]);
  const server = await startServer({ host, port, functions, ...(isCut && { isCut }) });
  const { maintenanceIntervalMs: intervalMs, onMaintenance: report } = options;
  const maintenance = await startMaintenance(wadi, queue, { intervalMs, ...(report && { report }) });
  return {
    url: server.url,
    cut: server.cut,
    wadi,
    async close() {
      await server.close();
      await maintenance.close();
      await wadi.log.settled();
    },
  };
}
