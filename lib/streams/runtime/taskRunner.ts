import type { Clock } from '../../clock.ts';
import type { Log } from '../../log/log.ts';
import type { ItemStore, ObjectStore } from '../../storage/ports.ts';
import type { Topic } from '../../topic/topic.ts';
import type { Topics } from '../../topic/topics.ts';
import type { TaskId } from '../processor/processor.ts';
import { isWallClockDue, type Schedule } from '../task/punctuations.ts';
import { NO_TIMES } from '../task/task.ts';
import { type StreamsApplication, taskName } from './application.ts';
import { createGlobalTables } from './globalTables.ts';
import { hasMore, whichHaveMore } from './hasMore.ts';
import { STREAMS_LIMITS, type StreamsLimits } from './limits.ts';
import { newTask } from './newTask.ts';
import { ownTopics } from './ownTopics.ts';
import { readTasks } from './readTasks.ts';
import { isLeased, NEW_TASK, type TaskState, taskKey } from './taskItem.ts';
import { createTaskStore, type TaskStore } from './taskStore.ts';
import { createWork, type TaskAtHand, type WorkContext, type Worked } from './taskWork.ts';

export interface RunnerContext {
  readonly application: StreamsApplication;
  /** Of groups: a task's position is beside theirs. */
  readonly items: ItemStore;
  readonly objects: ObjectStore;
  readonly log: Log;
  readonly topics: Topics;
  readonly clock: Clock;
  readonly limits?: StreamsLimits;
  /** Whether items are replicated with a lag to where they may count next: see LogOptions.arrived. */
  readonly isLate?: boolean;
  /** Told of what is passed over in the topics of global tables. */
  readonly warn?: (error: unknown) => void;
}

/** What a run of a task has done. */
export interface TaskRun {
  /** `held`: another has the lease, or had it until just now; `lost`: another took it meanwhile; `idle`: there is nothing more to read; `more`: the time was over. */
  readonly outcome: 'held' | 'lost' | 'idle' | 'more';
  readonly records: number;
  readonly steps: number;
  /** Records of changelogs that were read to bring its stores up to date. */
  readonly restored: number;
  /** Records that processors have passed over, for being late or for what they lacked: Kafka's dropped-records metric. */
  readonly dropped: number;
  /** What it has appended to: `<topic>/<partition>`. */
  readonly appendedTo: ReadonlySet<string>;
}

const NOTHING: Omit<TaskRun, 'outcome'> = {
  ...{ records: 0, steps: 0, restored: 0, dropped: 0, appendedTo: new Set() },
};

export interface TaskRunner {
  /**
   * Those in which there is anything to do, in the order given: one query for the items of all of them, 100 a page, and a read for each head that their inputs
   * are in. Throws StorageError.
   */
  look(tasks: readonly TaskId[]): Promise<TaskId[]>;
  /**
   * Takes the task, if nobody has it and there is anything to do, and works on it until there is nothing to read, or `untilMs`. Throws RecordError,
   * StorageError, WadiError.
   */
  run(task: TaskId, untilMs: number): Promise<TaskRun>;
}

/** A task that a process has at hand, as of the step that it gave it back at. */
interface Warm extends TaskAtHand {
  readonly epoch: number;
  readonly step: number;
}

/**
 * Runs tasks exactly once, if nothing else is asked for, without transactions. A step reads records, and says what is to be appended, outputs and changes of state, with sequences
 * of an idempotent producer that is the task's in the epoch of its lease. That is written first; then one update of the task's item, on the condition of
 * that epoch, commits it together with the next position; then it is appended. Whoever finds a step committed and not known to be applied
 * applies it again before anything else: what is there is not appended twice. So nothing of a step that was not committed is ever seen, and whoever dies,
 * sleeps or runs twice does no harm.
 *
 * At least once, a step is appended first, and committed then, with nothing to keep in between: whoever dies before the commit, or wakes after its
 * lease, leaves outputs and changes behind that come again.
 *
 * A task in which there is nothing to do is not taken: to see that costs reads alone. Whoever finds a task taken gives up at once, though records that
 * it was called for may be there that the other has not seen. So whoever has given a task back looks at its inputs once more: what was appended before
 * somebody found it taken is behind that.
 */
export function createTaskRunner(context: RunnerContext): TaskRunner {
  const { application, items, topics, clock, limits = STREAMS_LIMITS, warn } = context;
  const { topology, onError = 'stop' } = application;
  const warm = new Map<string, Warm>();
  /** By task: what its punctuations go by. */
  const punctuations = new Map<string, readonly Schedule[]>();
  const tables = createGlobalTables(context, topology, (error) => {
    // As Kafka's, they have no dead letters: each process would write its own.
    if (onError === 'stop') throw error;
    warn?.(error);
  });
  const shared: WorkContext = {
    ...{ ...context, limits, tables, outputTopics: new Map(), purged: new Map(), tidied: new Map() },
  };

  async function isDue(id: TaskId, { applied, step, times }: TaskState): Promise<boolean> {
    return applied !== step || isWallClockDue(await punctuationsOf(id), times.punctuations, clock.now());
  }

  /** As its processors ask for when they begin, with global tables as a whole. */
  async function punctuationsOf(id: TaskId): Promise<readonly Schedule[]> {
    const known = punctuations.get(taskName(id));
    if (known !== undefined) return known;
    await tables.readOn(topology.subtopologies[id.subtopology]!.globalStores, Number.NEGATIVE_INFINITY);
    const options = { nowMs: clock.now(), globalStores: tables.stores };
    const types = newTask(application, id, NO_TIMES, options).punctuations;
    punctuations.set(taskName(id), types);
    return types;
  }

  /** Until it is given back. */
  async function work(
    id: TaskId,
    store: TaskStore,
    taken: TaskState,
    own: ReadonlyMap<string, Topic>,
    untilMs: number,
  ): Promise<Pick<Worked, 'run' | 'state'>> {
    const name = taskName(id);
    const known = warm.get(name);
    warm.delete(name);
    const isWarm = known?.step === taken.step && known.epoch === taken.epoch - 1;
    const workOn = createWork(shared, id, store, taken, own);
    try {
      const worked = await workOn(isWarm ? known : undefined, untilMs);
      const { task, state, sinceSnapshot, changelogIds } = worked;
      if (state !== undefined)
        warm.set(name, { epoch: state.epoch, step: state.step, task, sinceSnapshot, changelogIds });
      return worked;
    } catch (error) {
      // So that nobody waits for the lease. What is committed and not applied is so by whoever is next.
      const wasMine = await store.release(taken).catch(() => true);
      if (wasMine) throw error;
      // Nothing is wrong with a task for one who slept: the other may have deleted what it was about to read.
      return { run: { ...NOTHING, outcome: 'lost' }, state: undefined };
    }
  }

  return {
    async look(tasks) {
      const begun = await readTasks({ storage: { groups: items }, clock }, application.applicationId);
      const states = new Map(begun.map(({ id, state }) => [taskName(id), state]));
      const stateOf = (id: TaskId) => states.get(taskName(id)) ?? NEW_TASK;
      const withMore = await whichHaveMore(context, tasks, stateOf);
      const due: TaskId[] = [];
      for (const id of tasks) {
        // One of which that cannot be told will tell why when it is run.
        if (withMore.has(id) || (await isDue(id, stateOf(id)).catch(() => true))) due.push(id);
      }
      return due;
    },

    async run(id, untilMs) {
      const { globalStores } = topology.subtopologies[id.subtopology]!;
      const store = createTaskStore(items, taskKey(application.applicationId, id), clock, limits);
      let seen = await store.read();
      if (seen.isResetting || isLeased(seen, clock.now(), limits)) return { ...NOTHING, outcome: 'held' };
      if (!(await isDue(id, seen)) && !(await hasMore(context, id, seen)))
        return { ...NOTHING, outcome: 'idle' };
      const isAtHand = warm.get(taskName(id))?.epoch === seen.epoch;
      if (!isAtHand && Math.abs(clock.now() - seen.leftMs) < limits.affinityMs)
        return { ...NOTHING, outcome: 'held' };
      // Before the lease: the first time it may take long.
      await tables.readOn(globalStores, clock.now() - limits.globalTableMs);
      // Before the task is taken: whoever sleeps through a reset knows those alone that are gone by then, and changes none of the new ones.
      const lookUp = () => ownTopics(topics, application, topology.subtopologies[id.subtopology]!);
      const own = await lookUp();
      let done = NOTHING;
      for (;;) {
        const taken = await store.take(seen);
        if (taken === undefined) return { ...done, outcome: 'held' };
        // A task without a step may have had no item: then nothing else says that the application was deleted since.
        const known = taken.step > 0 ? own : await heldWhile(store, taken, lookUp);
        const { run, state } = await work(id, store, taken, known, untilMs);
        done = sum(done, run);
        if (state === undefined || run.outcome === 'more') return { ...done, outcome: run.outcome };
        if (!(await hasMore(context, id, state))) return { ...done, outcome: 'idle' };
        if (clock.now() >= untilMs) return { ...done, outcome: 'more' };
        seen = state;
      }
    },
  };
}

function sum(a: typeof NOTHING, b: typeof NOTHING): typeof NOTHING {
  return {
    records: a.records + b.records,
    steps: a.steps + b.steps,
    restored: a.restored + b.restored,
    dropped: a.dropped + b.dropped,
    appendedTo: new Set([...a.appendedTo, ...b.appendedTo]),
  };
}

/** What fails gives the task back. */
async function heldWhile<T>(
  store: Pick<TaskStore, 'release'>,
  taken: TaskState,
  look: () => Promise<T>,
): Promise<T> {
  try {
    return await look();
  } catch (error) {
    await store.release(taken).catch(() => undefined);
    throw error;
  }
}
