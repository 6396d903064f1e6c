import type { Context } from 'aws-lambda';
import { logError } from '../lib/logError.ts';
import { lagsOf } from '../lib/streams/admin/lags.ts';
import { describeApplication } from '../lib/streams/registry/describeApplication.ts';
import type { StreamsApplication } from '../lib/streams/runtime/application.ts';
import { STREAMS_LIMITS } from '../lib/streams/runtime/limits.ts';
import { createStreamsWorker, type WorkerRun } from '../lib/streams/runtime/worker.ts';
import type { Wadi } from '../lib/wadi.ts';

export interface StreamsOptions {
  readonly application: StreamsApplication;
  /** Under which the waker finds it. */
  readonly functionName?: string;
  /** Told what was done, of a long invocation every minute. */
  readonly report: (run: WorkerRun) => void;
  /** Told, once a minute at most, how many records wait for all tasks together. */
  readonly reportLag: (records: number) => void;
}

/** So long before the function's time is over, nothing more is begun: what is under way ends until then. */
const RESERVE_MS = 15_000;
const REPORT_EVERY_MS = 60_000;
/** Of several regions that work, the waker is in the first: the others leave tasks to it that it is at, with their stores at hand. */
const AFFINITY_MS = 60_000;

/**
 * Called by the clock, and by the waker: works on the application until there is nothing to read, or the function's time is nearly over. What fails
 * of a task is logged, and holds up no other. Rejects if its topics are not as they must be.
 */
export function createHandler(wadi: Wadi, { application, functionName, report, reportLag }: StreamsOptions) {
  const { clock, log } = wadi;
  const isElsewhere = wadi.arrived === undefined && wadi.localRegion !== wadi.regions[0]?.name;
  const worker = createStreamsWorker(wadi, application, {
    limits: { ...STREAMS_LIMITS, affinityMs: isElsewhere ? AFFINITY_MS : 0 },
    warn: logError,
    ...(functionName && { functionName }),
  });
  const description = describeApplication(application);
  let measuredAtMs: number | undefined;

  async function measure(): Promise<void> {
    if (measuredAtMs !== undefined && Math.abs(clock.now() - measuredAtMs) < REPORT_EVERY_MS) return;
    measuredAtMs = clock.now();
    const lags = await lagsOf(wadi, description);
    reportLag(lags.reduce((sum, { lag }) => sum + lag, 0));
  }

  return async (_event: unknown, context: Pick<Context, 'getRemainingTimeInMillis'>): Promise<WorkerRun> => {
    const endMs = clock.now() + context.getRemainingTimeInMillis() - RESERVE_MS;
    const done = { records: 0, steps: 0, restored: 0, left: 0, failed: 0 };
    for (;;) {
      const untilMs = Math.min(endMs, clock.now() + REPORT_EVERY_MS);
      const run = await worker.run(untilMs);
      report(run);
      await measure().catch(logError);
      done.records += run.records;
      done.steps += run.steps;
      done.restored += run.restored;
      done.failed += run.failed;
      done.left = run.left;
      // Nothing is left to read, or no time.
      if (clock.now() < untilMs || untilMs === endMs) break;
    }
    // Nothing may run in the background when a function has answered.
    await log.settled();
    return done;
  };
}
