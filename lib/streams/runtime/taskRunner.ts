import type { Clock } from '../../clock.ts';
import { WadiError } from '../../errors.ts';
import type { Log } from '../../log/log.ts';
import { withRetries } from '../../log/retry.ts';
import { allItems } from '../../storage/allItems.ts';
import { type ItemStore, type ObjectStore, StorageError } from '../../storage/ports.ts';
import type { Topic } from '../../topic/topic.ts';
import type { Topics } from '../../topic/topics.ts';
import type { PunctuationType, TaskId } from '../processor/processor.ts';
import type { RawRecord } from '../record.ts';
import { isWallClockDue } from '../task/punctuations.ts';
import {
  createTask,
  NO_TIMES,
  type Step,
  type Task,
  type TaskOptions,
  type TaskTimes,
} from '../task/task.ts';
import {
  changelogTopic,
  isRepartitionTopic,
  nameIn,
  producerOf,
  type StreamsApplication,
  sourceTopics,
  taskName,
} from './application.ts';
import { applyStep } from './applyStep.ts';
import { forgetSnapshots } from './forgetSnapshots.ts';
import { createGlobalTables, type GlobalTables } from './globalTables.ts';
import { hasMore, whichHaveMore } from './hasMore.ts';
import { createInputs, type Inputs } from './inputs.ts';
import { STREAMS_LIMITS, type StreamsLimits } from './limits.ts';
import { ownTopics } from './ownTopics.ts';
import { planAppends } from './planAppends.ts';
import { restoreTask } from './restoreTask.ts';
import type { Snapshot } from './snapshot.ts';
import { encodeStep, type StepAppend } from './stepBlob.ts';
import { storedStep } from './storedStep.ts';
import { type TakenStep, takeStep } from './takeStep.ts';
import { isLeased, NEW_TASK, parseTask, positionIn, type TaskState, taskKey } from './taskItem.ts';
import { createTaskStore, type TaskStore } from './taskStore.ts';
import { refusalOf } from './tooLarge.ts';
import { writeSnapshot } from './writeSnapshot.ts';

export interface RunnerContext {
  readonly application: StreamsApplication;
  /** Of groups: a task's position is beside theirs. */
  readonly items: ItemStore;
  readonly objects: ObjectStore;
  readonly log: Log;
  readonly topics: Topics;
  readonly clock: Clock;
  readonly limits?: StreamsLimits;
  /** Told of what is passed over in the topics of global tables. */
  readonly warn?: (error: unknown) => void;
}

const ITEMS_PER_READ = 100;

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
interface Warm {
  readonly epoch: number;
  readonly step: number;
  readonly task: Task;
  /** Records of its changelogs since the last snapshot. */
  readonly sinceSnapshot: number;
  /** Of the topics that have them. */
  readonly changelogIds: string;
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
  const punctuations = new Map<string, readonly PunctuationType[]>();
  const purged = new Map<string, number>();
  const maxBytes = new Map<string, number>();
  const tables = createGlobalTables(context, topology, (error) => {
    // As Kafka's, they have no dead letters: each process would write its own.
    if (onError === 'stop') throw error;
    warn?.(error);
  });

  async function isDue(id: TaskId, { applied, step, times }: TaskState): Promise<boolean> {
    return applied !== step || isWallClockDue(await punctuationsOf(id), times.punctuations, clock.now());
  }

  /** As its processors ask for when they begin, with global tables as a whole. */
  async function punctuationsOf(id: TaskId): Promise<readonly PunctuationType[]> {
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
    const workOn = createWork({ ...context, limits, purged, tables, maxBytes, own }, id, store, taken);
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
      const { pk } = taskKey(application.applicationId, { subtopology: 0, partition: 0 });
      const found = await allItems(items, clock, { pk, limit: ITEMS_PER_READ });
      const states = new Map(found.map((item) => [item.sk, parseTask(item)]));
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
      const own = await ownTopics(topics, application, topology.subtopologies[id.subtopology]!);
      let done = NOTHING;
      for (;;) {
        const taken = await store.take(seen);
        if (taken === undefined) return { ...done, outcome: 'held' };
        const { run, state } = await work(id, store, taken, own, untilMs);
        done = sum(done, run);
        if (state === undefined || run.outcome === 'more') return { ...done, outcome: run.outcome };
        if (!(await hasMore(context, id, state))) return { ...done, outcome: 'idle' };
        if (clock.now() >= untilMs) return { ...done, outcome: 'more' };
        seen = state;
      }
    },
  };
}

interface WorkContext extends RunnerContext {
  readonly limits: StreamsLimits;
  /** By task: when its inputs were purged last. */
  readonly purged: Map<string, number>;
  readonly tables: GlobalTables;
  /** `max.message.bytes` of the topics that were appended to, as it was last seen. */
  readonly maxBytes: Map<string, number>;
  /** See `ownTopics`. */
  readonly own: ReadonlyMap<string, Topic>;
}

/** What a task's item says of the last step's appends. */
type Appends = Pick<TaskState, 'applied' | 'pending' | 'blob'>;

const mayBeRepeated = (error: unknown): boolean =>
  error instanceof StorageError || (error instanceof WadiError && error.retriable);

function sum(a: typeof NOTHING, b: typeof NOTHING): typeof NOTHING {
  return {
    records: a.records + b.records,
    steps: a.steps + b.steps,
    restored: a.restored + b.restored,
    dropped: a.dropped + b.dropped,
    appendedTo: new Set([...a.appendedTo, ...b.appendedTo]),
  };
}

/** Before its stores are restored. */
function newTask(
  application: StreamsApplication,
  id: TaskId,
  times: TaskTimes,
  options: Omit<TaskOptions, 'partition' | 'subtopology' | 'times' | 'internalTopic'>,
): Task {
  const subtopology = application.topology.subtopologies[id.subtopology]!;
  const internalTopic = (name: string) => nameIn(application, name);
  return createTask({ partition: id.partition, subtopology, times, internalTopic, ...options });
}

interface Worked {
  readonly run: TaskRun;
  readonly task: Task;
  readonly sinceSnapshot: number;
  readonly changelogIds: string;
  /** `undefined`: another has taken it. */
  readonly state: TaskState | undefined;
}

function createWork(context: WorkContext, id: TaskId, store: TaskStore, taken: TaskState) {
  const { application, objects, log, topics, clock, limits, purged, tables, maxBytes, own } = context;
  const { applicationId, topology, onError = 'stop', processingGuarantee } = application;
  const isAtLeastOnce = processingGuarantee === 'at_least_once';
  const subtopology = topology.subtopologies[id.subtopology]!;
  const logged = new Set(subtopology.stores.filter((each) => each.logged).map(({ name }) => name));
  const prefix = `streams/${applicationId}/${taskName(id)}/`;
  const snapshotPrefix = `snapshots/${applicationId}/${taskName(id)}/`;
  const sequences = new Map<string, number>();
  const appendedTo = new Set<string>();
  const takenMs = clock.now();
  let restored = 0;
  let sinceSnapshot = 0;

  async function work(warm: Warm | undefined, untilMs: number): Promise<Worked> {
    let state = taken;
    await finish(state);
    if (warm === undefined) await forgetOrphans(state).catch(() => undefined);
    const changelogIds = [...changelogs.values()].map((topic) => topic.id).join();
    const isWarm = warm?.changelogIds === changelogIds;
    let task = isWarm ? warm.task : await open(state);
    if (isWarm) ({ sinceSnapshot } = warm);
    let inputs = newInputs();
    let records = 0;
    let steps = 0;
    let isAgain = false;
    let dropped = 0;
    const ended = (outcome: TaskRun['outcome'], after: TaskState | undefined): Worked => {
      const run = {
        ...{ outcome: after === undefined ? 'lost' : outcome, records, steps, restored, dropped, appendedTo },
      } as const;
      return { run, task, state: after, sinceSnapshot, changelogIds };
    };
    const leave = async (outcome: TaskRun['outcome']) => {
      if (steps > 0) await purge(state, inputs, Number.NEGATIVE_INFINITY);
      return ended(outcome, await giveBack(state));
    };
    for (;;) {
      const kept = await keepSnapshot(state, task, untilMs);
      if (kept === undefined) return ended('lost', undefined);
      state = kept;
      const isMore = await inputs.begin(state);
      const isOver = clock.now() >= untilMs;
      if (isOver && isMore) return leave('more');
      // A row that was appended before what the run begins with is seen by it.
      const sinceMs = clock.now() - (isMore && steps === 0 ? 0 : limits.globalTableMs);
      await tables.readOn(subtopology.globalStores, sinceMs);
      const options = { limits, onError, from: inputs.positions(), nowMs: clock.now() };
      const current = state;
      const made = {
        ...(await takeStep(task, inputs, { ...options, reopen: () => open(current) })),
        topicIds: Object.fromEntries(inputs.topics().map((topic) => [topic.name, topic.id])),
      };
      // Where nothing came, there is a step only if it was time for something.
      if (!isMore && isEmpty(made, state)) return leave('idle');
      const appends = await appendsOf(state, made.step, isAgain);
      isAgain = appends === undefined;
      if (appends === undefined) {
        inputs = newInputs();
        task = await open(state);
        continue;
      }
      const next = await commit(state, made, appends);
      if (next === undefined) return ended('lost', undefined);
      await finish(next);
      state = { ...next, applied: next.step };
      await purge(state, inputs, takenMs);
      records += made.records;
      steps++;
      for (const count of Object.values(made.step.dropped)) dropped += count;
      if (made.task !== task) inputs = newInputs();
      task = made.task ?? (await open(state));
      if (isOver) return leave('idle');
    }
  }

  /** They begin at the positions that they are first asked for. */
  const newInputs = () =>
    createInputs({ log, topics, limits }, sourceTopics(application, subtopology), id.partition);

  /** A position may have gone on past what compaction has left nothing of. */
  function isEmpty({ step, positions }: Pick<TakenStep, 'step' | 'positions'>, state: TaskState): boolean {
    const { outputs, changes, times } = step;
    return (
      outputs.length === 0 &&
      changes.length === 0 &&
      JSON.stringify(times) === JSON.stringify(state.times) &&
      Object.entries(positions).every(([topic, position]) => (state.positions[topic] ?? 0) === position)
    );
  }

  /**
   * Deletes what the task has read of the application's own topics, once in `purgeMs`: nobody else reads it. Below what is committed, so that it does
   * no harm late, twice or half done, and whoever fails leaves it to the next.
   */
  async function purge(state: TaskState, inputs: Inputs, sinceMs: number): Promise<void> {
    const now = clock.now();
    if (now - (purged.get(taskName(id)) ?? sinceMs) < limits.purgeMs) return;
    const own = inputs.topics().filter((topic) => isRepartitionTopic(application, topic.name));
    purged.set(taskName(id), now);
    await Promise.allSettled(
      own.map((topic) => log.deleteRecords(topic, id.partition, positionIn(state, topic) ?? 0)),
    );
  }

  /** As of the last step that was committed, and applied. */
  async function open(state: TaskState): Promise<Task> {
    const options = { nowMs: clock.now(), globalStores: tables.stores, changelogOf, refusal };
    const task = newTask(application, id, state.times, options);
    const read = await restoreTask(context, task, changelogs, state.snapshot);
    if (read === undefined) return open({ ...state, snapshot: undefined });
    restored += read;
    sinceSnapshot = read;
    return task;
  }

  const topicOf = async (name: string): Promise<Topic> => own.get(name) ?? topics.lookup(name);

  /** By store. */
  const changelogs = new Map(
    [...logged].map((name) => [name, own.get(changelogTopic(applicationId, name))!] as const),
  );

  /**
   * Writes one when the changelogs have gone on far enough, and names it in the item: on the condition that nobody has taken the task, and so put more
   * into them, since. It takes half a lease at most, and is given up otherwise. `undefined`: another has the task.
   */
  async function keepSnapshot(
    mine: TaskState,
    task: Task,
    runUntilMs: number,
  ): Promise<TaskState | undefined> {
    if (sinceSnapshot < Math.max(limits.snapshotRecords, mine.snapshot?.keys ?? 0)) return mine;
    const deadlineMs = Math.min(runUntilMs, mine.untilMs - limits.leaseMs / 2);
    if (clock.now() >= deadlineMs) return mine;
    sinceSnapshot = 0;
    const forgetOthers = (named: Snapshot | undefined) =>
      forgetSnapshots(context, snapshotPrefix, named, mine.epoch).catch(() => undefined);
    // Before as well: whoever dies each time leaves no more than one.
    await forgetOthers(mine.snapshot);
    const snapshot = await writeSnapshot({ log, objects, clock, partBytes: limits.snapshotPartBytes }, task, {
      ...{ prefix: `${snapshotPrefix}${mine.epoch}-${mine.step}/`, deadlineMs },
      changelogs,
    });
    if (snapshot === undefined) return mine;
    const next = await store.put(mine, { ...mine, untilMs: clock.now() + limits.leaseMs, snapshot });
    if (next !== undefined) await forgetOthers(snapshot);
    return next;
  }

  async function commit(
    mine: TaskState,
    { step, positions, topicIds }: Pick<TakenStep, 'step' | 'positions'> & Pick<TaskState, 'topicIds'>,
    appends: readonly StepAppend[],
  ): Promise<TaskState | undefined> {
    const done = isAtLeastOnce ? await apply(mine, appends) : await keep(mine, appends);
    const next = await store.put(mine, {
      ...mine,
      untilMs: clock.now() + limits.leaseMs,
      ...{ step: mine.step + 1, positions, topicIds, times: step.times },
      ...done,
    });
    if (next === undefined) return undefined;
    sinceSnapshot += step.changes.filter((change) => logged.has(change.store)).length;
    await forget(mine);
    return next;
  }

  /** Where a step is, to be applied when it is committed. */
  async function keep({ epoch, step }: TaskState, appends: readonly StepAppend[]): Promise<Appends> {
    const chunks = encodeStep(appends);
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
    if (bytes <= limits.inlineBytes)
      return { applied: step, pending: new Uint8Array(Buffer.concat(chunks)), blob: undefined };
    const blob = `${prefix}${epoch}-${step + 1}`;
    await withRetries(clock, () => objects.put(blob, chunks));
    return { applied: step, pending: undefined, blob };
  }

  /** Before it is committed. As long as it is tried with the same sequences, nothing of it is appended twice. */
  async function apply({ step }: TaskState, appends: readonly StepAppend[]): Promise<Appends> {
    await withRetries(clock, () => append(appends), mayBeRepeated);
    return { applied: step + 1, pending: undefined, blob: undefined };
  }

  /**
   * `undefined`: a record is above a limit that the task may not have known of. Made again, it says which record that comes of. Throws
   * MESSAGE_TOO_LARGE for one that comes of none.
   */
  async function appendsOf(mine: TaskState, step: Step, isAgain: boolean): Promise<StepAppend[] | undefined> {
    const logs = step.changes.flatMap(({ store }) => changelogOf(store) ?? []);
    const names = [...new Set([...step.outputs.map(({ topic }) => topic), ...logs])];
    const found = new Map(await Promise.all(names.map(async (name) => [name, await topicOf(name)] as const)));
    for (const [name, { configs }] of found) maxBytes.set(name, configs.maxMessageBytes);
    try {
      return planAppends(step, {
        producer: producerOf(applicationId, id, mine.epoch),
        topicOf: (name) => found.get(name)!,
        ...{ changelogOf, partition: id.partition, nowMs: clock.now(), sequences },
      });
    } catch (error) {
      if (!isAgain && error instanceof WadiError && error.kafka === 'MESSAGE_TOO_LARGE') return undefined;
      throw error;
    }
  }

  function changelogOf(store: string): string | undefined {
    return logged.has(store) ? changelogTopic(applicationId, store) : undefined;
  }

  function refusal(topic: string, record: RawRecord): WadiError | undefined {
    const most = maxBytes.get(topic);
    return most === undefined ? undefined : refusalOf(topic, record, most);
  }

  /** Applies the last step, if it is not known that it was. */
  async function finish(state: TaskState): Promise<void> {
    await append(await storedStep(context, state));
  }

  async function append(appends: readonly StepAppend[]): Promise<void> {
    await applyStep(log, topicOf, appends);
    for (const { topic, partition } of appends) appendedTo.add(`${topic}/${partition}`);
  }

  /** All that was committed is applied. */
  async function giveBack(mine: TaskState): Promise<TaskState | undefined> {
    // Counted on, so that nobody who has read of the step takes the task as it was then: the step's object is deleted.
    const epoch = mine.epoch + 1;
    const left = { untilMs: 0, leftMs: clock.now() };
    const next = { ...mine, ...left, epoch, applied: mine.step, pending: undefined, blob: undefined };
    const after = await store.put(mine, next);
    if (after !== undefined) await forget(mine);
    return after;
  }

  /**
   * What was written by whoever died before the commit, and can be committed no more: the epoch of its lease is over. If it fails, while a region is
   * down, say, the next to take the task does it.
   */
  async function forgetOrphans({ epoch, blob }: TaskState): Promise<void> {
    const { objects: found } = await objects.list(prefix, { limit: 1_000 });
    const orphans = found
      .map(({ key }) => key)
      .filter((key) => key !== blob && Number.parseInt(key.slice(prefix.length), 10) < epoch);
    if (orphans.length > 0) await objects.delete(orphans);
  }

  /** The step before is applied: what it was written in is of no use to anybody. */
  async function forget({ blob }: TaskState): Promise<void> {
    if (blob !== undefined) await objects.delete([blob]).catch(() => undefined);
  }

  return work;
}
