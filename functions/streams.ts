import type { Context } from 'aws-lambda';
import { logError } from '../lib/logError.ts';
import type { StreamsApplication } from '../lib/streams/runtime/application.ts';
import { createStreamsWorker, type WorkerRun } from '../lib/streams/runtime/worker.ts';
import type { Wadi } from '../lib/wadi.ts';

export interface StreamsOptions {
  readonly application: StreamsApplication;
  /** Under which the waker finds it. */
  readonly functionName?: string;
  /** Told of each run. */
  readonly report: (run: WorkerRun) => void;
}

/** So long before the function's time is over, nothing more is begun: what is under way ends until then. */
const RESERVE_MS = 15_000;

/**
 * Called by the clock, and by the waker: works on the application until there is nothing to read, or the function's time is nearly over. What fails
 * of a task is logged, and holds up no other. Rejects if its topics are not as they must be.
 */
export function createHandler(wadi: Wadi, { application, functionName, report }: StreamsOptions) {
  const worker = createStreamsWorker(wadi, application, {
    warn: logError,
    ...(functionName && { functionName }),
  });
  return async (_event: unknown, context: Pick<Context, 'getRemainingTimeInMillis'>): Promise<WorkerRun> => {
    const run = await worker.run(wadi.clock.now() + context.getRemainingTimeInMillis() - RESERVE_MS);
    // Nothing may run in the background when a function has answered.
    await wadi.log.settled();
    report(run);
    return run;
  };
}
