import { pathToFileURL } from 'node:url';
import { logError } from '../logError.ts';
import { messageOf } from '../messageOf.ts';
import { applicationOf } from '../streams/registry/applicationOf.ts';
import type { StreamsApplication } from '../streams/runtime/application.ts';
import { STREAMS_LIMITS } from '../streams/runtime/limits.ts';
import { createStreamsWorker, type WorkerRun } from '../streams/runtime/worker.ts';
import type { Wadi } from '../wadi.ts';

/** How often topics are looked at for new records. */
const INTERVAL_MS = 500;
/** Of several processes, the one that has a task at hand misses it four times before another takes it. */
const LIMITS = { ...STREAMS_LIMITS, affinityMs: 4 * INTERVAL_MS };
/** Of one run: then others have their turn. */
const RUN_MS = 10_000;
/** Of what fails, so many are told once; where there are more, again. */
const MOST_TOLD = 1_000;

export interface LocalStreams {
  /** Ends what is under way at its next step. */
  close(): Promise<void>;
}

/** The application that a module exports as its default. Throws an Error of one line for what is none. */
export async function loadApplication(path: string): Promise<StreamsApplication> {
  const loading: Promise<{ default?: unknown }> = import(pathToFileURL(path).href);
  const loaded = await loading.catch((error) => {
    throw new Error(`${path} cannot be loaded: ${messageOf(error)}`, { cause: error });
  });
  return applicationOf(loaded.default, path);
}

/** A worker for each application, in this process. One whose topics are not there yet waits for them. */
export function startStreams(wadi: Wadi, applications: readonly StreamsApplication[]): LocalStreams {
  const stopping = new AbortController();
  const running = applications.map((application) =>
    runUntilStopped(wadi, application, { stopping: stopping.signal, warn: logError }),
  );
  return {
    async close() {
      stopping.abort();
      await Promise.all(running);
    },
  };
}

export interface RunOptions {
  readonly stopping: AbortSignal;
  /** Told of what fails, once, and not each time that it is tried. */
  readonly warn: (error: unknown) => void;
  readonly onRun?: (run: WorkerRun) => void;
}

/** Works on an application. Resolves when what was under way has ended. */
export async function runUntilStopped(
  wadi: Wadi,
  application: StreamsApplication,
  { stopping, warn: tell, onRun }: RunOptions,
): Promise<void> {
  const { clock } = wadi;
  const told = new Set<string>();
  const warn = (error: unknown): void => {
    const message = messageOf(error);
    if (told.has(message)) return;
    if (told.size === MOST_TOLD) told.clear();
    told.add(message);
    tell(error);
  };
  const worker = createStreamsWorker(wadi, application, {
    ...{ limits: LIMITS, warn, isStopping: () => stopping.aborted },
  });
  while (!stopping.aborted) {
    try {
      const run = await worker.run(clock.now() + RUN_MS);
      onRun?.(run);
      if (run.failed === 0) told.clear();
    } catch (error) {
      warn(error);
    }
    await clock.sleep(INTERVAL_MS, stopping);
  }
}
