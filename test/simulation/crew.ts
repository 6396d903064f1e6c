import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Progress, Task } from './worker.ts';

export const MAX_WORKERS = Math.max(1, Math.min(availableParallelism(), 16));

const STOPPED: Progress = { runs: 0, operations: 0, coverage: [], checked: [], done: true };

/** Runs a task in a thread of its own; resolves with its last report, or when it is told to stop. */
export function runTask(
  task: Task,
  onProgress: (progress: Progress) => void,
  signal?: AbortSignal,
): Promise<Progress> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('worker.ts', import.meta.url), {
      workerData: task,
      // Most of what a run makes is garbage when it ends.
      resourceLimits: { maxYoungGenerationSizeMb: 64 },
    });
    worker.on('message', (progress: Progress) => {
      onProgress(progress);
      if (progress.done) resolve(progress);
    });
    worker.on('error', reject);
    signal?.addEventListener('abort', () => void worker.terminate());
    worker.on('exit', () =>
      signal?.aborted ? resolve(STOPPED) : reject(new Error('the worker has ended early')),
    );
  });
}
