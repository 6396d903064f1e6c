import type { Wadi } from '../../wadi.ts';
import type { TaskId } from '../processor/processor.ts';
import { describeApplication } from '../registry/describeApplication.ts';
import { createRegistry } from '../registry/registry.ts';
import { prepare, type StreamsApplication } from './application.ts';
import type { StreamsLimits } from './limits.ts';
import { createTaskRunner } from './taskRunner.ts';

export interface WorkerOptions {
  readonly limits?: StreamsLimits;
  /** Told of a task that failed: it is tried again the next time; and of what is passed over in the topics of global tables. */
  readonly warn: (error: unknown) => void;
  /** Begin nothing new. */
  readonly isStopping?: () => boolean;
  /** The function that the worker is in, which is called when there is something to read. */
  readonly functionName?: string;
}

export interface WorkerRun {
  readonly records: number;
  readonly steps: number;
  readonly restored: number;
  /** Tasks that another has, or that are left for the next run. */
  readonly left: number;
  readonly failed: number;
}

export interface StreamsWorker {
  /** Works on all tasks, one after the other, until none has anything to read, or `untilMs`. Throws when the topics are not as they must be. */
  run(untilMs: number): Promise<WorkerRun>;
}

/** One of any number of workers on an application: whoever takes a task has it for a while. */
export function createStreamsWorker(
  wadi: Pick<Wadi, 'storage' | 'log' | 'topics' | 'clock'>,
  application: StreamsApplication,
  { limits, warn, isStopping = () => false, functionName }: WorkerOptions,
): StreamsWorker {
  const { storage, log, topics, clock } = wadi;
  const { groups: items, objects } = storage;
  const runner = createTaskRunner({
    ...{ application, items, objects, log, topics, clock, warn },
    ...(limits && { limits }),
  });
  let prepared: Promise<TaskId[]> | undefined;
  /** The task whose turn it is: a busy one may take a whole run. */
  let turn = 0;

  async function tasks(): Promise<TaskId[]> {
    prepared ??= begin().catch((error) => {
      prepared = undefined;
      throw error;
    });
    return prepared;
  }

  async function begin(): Promise<TaskId[]> {
    await createRegistry(items, clock).register(describeApplication(application, functionName));
    return prepare(topics, application);
  }

  return {
    async run(untilMs) {
      const done = { records: 0, steps: 0, restored: 0, left: 0, failed: 0 };
      const all = await tasks();
      let waiting = [...all.slice(turn), ...all.slice(0, turn)];
      while (waiting.length > 0) {
        let moved = 0;
        const again: TaskId[] = [];
        for (const task of waiting) {
          if (isStopping() || clock.now() >= untilMs) {
            turn = all.indexOf(task);
            return { ...done, left: done.left + waiting.length };
          }
          try {
            const { outcome, records, steps, restored } = await runner.run(task, untilMs);
            done.records += records;
            done.steps += steps;
            done.restored += restored;
            moved += records;
            if (outcome === 'held' || outcome === 'lost') done.left++;
            else again.push(task);
          } catch (error) {
            done.failed++;
            warn(error);
          }
        }
        // What one has put into a topic of the application's own another reads.
        waiting = moved > 0 ? again : [];
      }
      return done;
    },
  };
}
