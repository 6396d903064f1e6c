import { WadiError } from '../../errors.ts';
import { messageOf } from '../../messageOf.ts';
import type { Wadi } from '../../wadi.ts';
import type { TaskId } from '../processor/processor.ts';
import { describeApplication } from '../registry/describeApplication.ts';
import { createRegistry } from '../registry/registry.ts';
import { prepare, type StreamsApplication, sourceTopics, taskName } from './application.ts';
import { STREAMS_LIMITS, type StreamsLimits } from './limits.ts';
import { requireOwnTasks } from './requireOwnTasks.ts';
import { createTaskRunner } from './taskRunner.ts';

export interface WorkerOptions {
  readonly limits?: StreamsLimits;
  /** Told of a task that failed, by an Error that names it, with the `cause`: it is tried again the next time; and of what is passed over in the topics of global tables. */
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
  /** Works on all tasks, some at a time, until none has anything to read, or `untilMs`. Throws when the topics are not as they must be, or tasks are of another topology. */
  run(untilMs: number): Promise<WorkerRun>;
}

/** One of any number of workers on an application: whoever takes a task has it for a while. */
export function createStreamsWorker(
  wadi: Pick<Wadi, 'storage' | 'log' | 'topics' | 'clock' | 'arrived'>,
  application: StreamsApplication,
  { limits = STREAMS_LIMITS, warn, isStopping = () => false, functionName }: WorkerOptions,
): StreamsWorker {
  const { storage, log, topics, clock } = wadi;
  const { groups: items, objects } = storage;
  const runner = createTaskRunner({
    ...{ application, items, objects, log, topics, clock, limits, warn },
    isLate: wadi.arrived !== undefined,
  });
  let prepared: { readonly tasks: Promise<TaskId[]>; readonly atMs: number } | undefined;
  /** The tasks that there are are the application's. */
  let isKnown = false;
  /** The task whose turn it is: a busy one may take a whole run. */
  let turn = 0;

  async function tasks(): Promise<TaskId[]> {
    const now = clock.now();
    if (prepared === undefined || Math.abs(now - prepared.atMs) >= limits.prepareMs) {
      const forgotten = (error: unknown) => {
        prepared = undefined;
        throw error;
      };
      prepared = { tasks: begin().catch(forgotten), atMs: now };
    }
    return prepared.tasks;
  }

  /** It tells of itself each time: the application may have been deleted since. */
  async function begin(): Promise<TaskId[]> {
    const registry = createRegistry(items, clock);
    const description = describeApplication(application, functionName);
    if (!isKnown) {
      const there = await registry.find(application.applicationId);
      if (there !== undefined && there.topology !== description.topology)
        await requireOwnTasks(wadi, application);
      isKnown = true;
    }
    await registry.register(description);
    return prepare(topics, application);
  }

  /** By what is read: `<topic>/<partition>`. */
  function readersOf(all: readonly TaskId[]): Map<string, TaskId> {
    const sources = application.topology.subtopologies.map((each) => sourceTopics(application, each));
    return new Map(
      all.flatMap((task) =>
        sources[task.subtopology]!.map((topic) => [`${topic}/${task.partition}`, task] as const),
      ),
    );
  }

  return {
    async run(untilMs) {
      const done = { records: 0, steps: 0, restored: 0, left: 0, failed: 0 };
      const all = await tasks();
      const readers = readersOf(all);
      const inTurn = [...all.slice(turn), ...all.slice(0, turn)];
      const waiting = new Set<TaskId>();
      const running = new Map<TaskId, Promise<void>>();
      /** Another has them, or they failed: nothing more of them in this run. */
      const over = new Set<TaskId>();
      const isOver = () => isStopping() || clock.now() >= untilMs;

      function giveUp(task: TaskId): void {
        over.add(task);
        waiting.delete(task);
      }

      async function work(task: TaskId): Promise<void> {
        try {
          const { outcome, records, steps, restored, appendedTo } = await runner.run(task, untilMs);
          done.records += records;
          done.steps += steps;
          done.restored += restored;
          if (outcome === 'more') waiting.add(task);
          if (outcome === 'held' || outcome === 'lost') {
            done.left++;
            giveUp(task);
          }
          // What one has put into a topic of the application's own another reads.
          for (const place of appendedTo) {
            const reader = readers.get(place);
            if (reader !== undefined && !over.has(reader)) waiting.add(reader);
          }
        } catch (error) {
          done.failed++;
          giveUp(task);
          if (error instanceof WadiError && error.kafka === 'UNKNOWN_TOPIC_OR_PARTITION')
            prepared = undefined;
          const failed = `Task ${taskName(task)} of application '${application.applicationId}' failed`;
          warn(new Error(`${failed}: ${messageOf(error)}`, { cause: error }));
        }
      }

      /** At the last look at all of them. */
      let steps: number | undefined;
      for (;;) {
        const next = isOver() ? undefined : firstOf(waiting, running);
        if (next !== undefined && running.size < limits.tasksAtOnce) {
          waiting.delete(next);
          running.set(
            next,
            work(next).finally(() => running.delete(next)),
          );
        } else if (running.size > 0) {
          await Promise.race(running.values());
        } else if (isOver() || done.steps === steps) {
          break;
        } else {
          // Once more if any was worked on: others, called meanwhile, may have found this worker at work, and left it the rest.
          steps = done.steps;
          for (const task of await runner.look(inTurn)) if (!over.has(task)) waiting.add(task);
        }
      }
      const [first] = waiting;
      if (first !== undefined) turn = all.indexOf(first);
      return { ...done, left: done.left + waiting.size };
    },
  };
}

/** One that runs already has its turn behind itself. */
function firstOf(waiting: ReadonlySet<TaskId>, running: ReadonlyMap<TaskId, unknown>): TaskId | undefined {
  for (const task of waiting) if (!running.has(task)) return task;
  return undefined;
}
