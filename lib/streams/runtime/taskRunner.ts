import type { Clock } from '../../clock.ts';
import { WadiError } from '../../errors.ts';
import type { Log } from '../../log/log.ts';
import { withRetries } from '../../log/retry.ts';
import { type ItemStore, type ObjectStore, StorageError } from '../../storage/ports.ts';
import type { Topic } from '../../topic/topic.ts';
import type { Topics } from '../../topic/topics.ts';
import type { TaskId } from '../processor/processor.ts';
import type { RawRecord } from '../record.ts';
import { createTask, type Step, type Task } from '../task/task.ts';
import {
  changelogTopic,
  nameIn,
  producerOf,
  type StreamsApplication,
  sourceTopics,
  taskName,
} from './application.ts';
import { applyStep } from './applyStep.ts';
import { forgetSnapshots } from './forgetSnapshots.ts';
import { createGlobalTables, type GlobalTables } from './globalTables.ts';
import { createInputs } from './inputs.ts';
import { STREAMS_LIMITS, type StreamsLimits } from './limits.ts';
import { planAppends } from './planAppends.ts';
import { restoreTask } from './restoreTask.ts';
import type { Snapshot } from './snapshot.ts';
import { decodeStep, encodeStep, type StepAppend } from './stepBlob.ts';
import { type TakenStep, takeStep } from './takeStep.ts';
import { type TaskState, taskKey } from './taskItem.ts';
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

/** What a run of a task has done. */
export interface TaskRun {
  /** `held`: another has the lease; `lost`: another took it meanwhile; `idle`: there is nothing more to read; `more`: the time was over. */
  readonly outcome: 'held' | 'lost' | 'idle' | 'more';
  readonly records: number;
  readonly steps: number;
  /** Records of changelogs that were read to bring its stores up to date. */
  readonly restored: number;
  /** Records that processors have passed over, for being late or for what they lacked: Kafka's dropped-records metric. */
  readonly dropped: number;
}

export interface TaskRunner {
  /** Takes the task, if nobody has it, and works on it until there is nothing to read, or `untilMs`. Throws RecordError, StorageError, WadiError. */
  run(task: TaskId, untilMs: number): Promise<TaskRun>;
}

/** A task that a process has at hand, as of the step that it gave it back at. */
interface Warm {
  readonly epoch: number;
  readonly step: number;
  readonly task: Task;
  /** Records of its changelogs since the last snapshot. */
  readonly sinceSnapshot: number;
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
 */
export function createTaskRunner(context: RunnerContext): TaskRunner {
  const { application, items, clock, limits = STREAMS_LIMITS, warn } = context;
  const { topology, onError = 'stop' } = application;
  const warm = new Map<string, Warm>();
  const maxBytes = new Map<string, number>();
  const tables = createGlobalTables(context, topology, (error) => {
    // As Kafka's, they have no dead letters: each process would write its own.
    if (onError === 'stop') throw error;
    warn?.(error);
  });

  return {
    async run(id, untilMs) {
      // Before the lease: the first time it may take long.
      const { globalStores } = topology.subtopologies[id.subtopology]!;
      await tables.readOn(globalStores, clock.now() - limits.globalTableMs);
      const store = createTaskStore(items, taskKey(application.applicationId, id), clock, limits);
      const taken = await store.take();
      if (taken === undefined) return { outcome: 'held', records: 0, steps: 0, restored: 0, dropped: 0 };
      const name = taskName(id);
      const known = warm.get(name);
      warm.delete(name);
      const isWarm = known?.step === taken.step && known.epoch === taken.epoch - 1;
      const work = createWork({ ...context, limits, tables, maxBytes }, id, store, taken);
      try {
        const { run, task, state, sinceSnapshot } = await work(isWarm ? known : undefined, untilMs);
        if (state !== undefined)
          warm.set(name, { epoch: state.epoch, step: state.step, task, sinceSnapshot });
        return run;
      } catch (error) {
        // So that nobody waits for the lease. What is committed and not applied is so by whoever is next.
        await store.release(taken).catch(() => undefined);
        throw error;
      }
    },
  };
}

interface WorkContext extends RunnerContext {
  readonly limits: StreamsLimits;
  readonly tables: GlobalTables;
  /** `max.message.bytes` of the topics that were appended to, as it was last seen. */
  readonly maxBytes: Map<string, number>;
}

/** What a task's item says of the last step's appends. */
type Appends = Pick<TaskState, 'applied' | 'pending' | 'blob'>;

const mayBeRepeated = (error: unknown): boolean =>
  error instanceof StorageError || (error instanceof WadiError && error.retriable);

interface Worked {
  readonly run: TaskRun;
  readonly task: Task;
  readonly sinceSnapshot: number;
  /** `undefined`: another has taken it. */
  readonly state: TaskState | undefined;
}

function createWork(context: WorkContext, id: TaskId, store: TaskStore, taken: TaskState) {
  const { application, objects, log, topics, clock, limits, tables, maxBytes } = context;
  const { applicationId, topology, onError = 'stop', processingGuarantee } = application;
  const isAtLeastOnce = processingGuarantee === 'at_least_once';
  const subtopology = topology.subtopologies[id.subtopology]!;
  const logged = new Set(subtopology.stores.filter((each) => each.logged).map(({ name }) => name));
  const prefix = `streams/${applicationId}/${taskName(id)}/`;
  const snapshotPrefix = `snapshots/${applicationId}/${taskName(id)}/`;
  const sequences = new Map<string, number>();
  let restored = 0;
  let sinceSnapshot = 0;

  async function work(warm: Warm | undefined, untilMs: number): Promise<Worked> {
    let state = taken;
    await finish(state);
    if (warm === undefined) await forgetOrphans(state).catch(() => undefined);
    let task = warm?.task ?? (await open(state));
    if (warm !== undefined) ({ sinceSnapshot } = warm);
    let inputs = newInputs();
    let records = 0;
    let steps = 0;
    let isAgain = false;
    let dropped = 0;
    const ended = (outcome: TaskRun['outcome'], after: TaskState | undefined): Worked => {
      const run = {
        outcome: after === undefined ? 'lost' : outcome,
        records,
        steps,
        restored,
        dropped,
      } as const;
      return { run, task, state: after, sinceSnapshot };
    };
    for (;;) {
      const kept = await keepSnapshot(state, task, untilMs);
      if (kept === undefined) return ended('lost', undefined);
      state = kept;
      const isMore = await inputs.begin(state.positions);
      const isOver = clock.now() >= untilMs;
      if (isOver && isMore) return ended('more', await giveBack(state));
      // A row that was appended before what the run begins with is seen by it.
      const sinceMs = clock.now() - (isMore && steps === 0 ? 0 : limits.globalTableMs);
      await tables.readOn(subtopology.globalStores, sinceMs);
      const options = { limits, onError, from: state.positions, nowMs: clock.now() };
      const current = state;
      const made = await takeStep(task, inputs, { ...options, reopen: () => open(current) });
      // Where nothing came, there is a step only if it was time for something.
      if (!isMore && isEmpty(made.step, state)) return ended('idle', await giveBack(state));
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
      records += made.records;
      steps++;
      for (const count of Object.values(made.step.dropped)) dropped += count;
      if (made.task !== task) inputs = newInputs();
      task = made.task ?? (await open(state));
      if (isOver) return ended('idle', await giveBack(state));
    }
  }

  /** They begin at the positions that they are first asked for. */
  const newInputs = () =>
    createInputs({ log, topics, limits }, sourceTopics(application, subtopology), id.partition);

  function isEmpty({ outputs, changes, times }: Step, state: TaskState): boolean {
    return (
      outputs.length === 0 && changes.length === 0 && JSON.stringify(times) === JSON.stringify(state.times)
    );
  }

  /** As of the last step that was committed, and applied. */
  async function open(state: TaskState): Promise<Task> {
    const { times, snapshot } = state;
    const { partition } = id;
    const internalTopic = (name: string) => nameIn(application, name);
    const task = createTask({
      ...{ partition, subtopology, times, nowMs: clock.now(), internalTopic },
      ...{ globalStores: tables.stores, changelogOf, refusal },
    });
    const read = await restoreTask(context, task, await changelogs(), snapshot);
    if (read === undefined) return open({ ...state, snapshot: undefined });
    restored += read;
    sinceSnapshot = read;
    return task;
  }

  async function changelogs(): Promise<Map<string, Topic>> {
    const found = [...logged].map(
      async (name) => [name, await topics.lookup(changelogTopic(applicationId, name))] as const,
    );
    return new Map(await Promise.all(found));
  }

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
      changelogs: await changelogs(),
    });
    if (snapshot === undefined) return mine;
    const next = await store.put(mine, { ...mine, untilMs: clock.now() + limits.leaseMs, snapshot });
    if (next !== undefined) await forgetOthers(snapshot);
    return next;
  }

  async function commit(
    mine: TaskState,
    { step, positions }: Pick<TakenStep, 'step' | 'positions'>,
    appends: readonly StepAppend[],
  ): Promise<TaskState | undefined> {
    const done = isAtLeastOnce ? await apply(mine, appends) : await keep(mine, appends);
    const next = await store.put(mine, {
      ...{ epoch: mine.epoch, holder: mine.holder, untilMs: clock.now() + limits.leaseMs },
      ...{ step: mine.step + 1, positions, times: step.times },
      ...{ snapshot: mine.snapshot, ...done },
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
    await withRetries(clock, () => applyStep(log, (name) => topics.lookup(name), appends), mayBeRepeated);
    return { applied: step + 1, pending: undefined, blob: undefined };
  }

  /**
   * `undefined`: a record is above a limit that the task may not have known of. Made again, it says which record that comes of. Throws
   * MESSAGE_TOO_LARGE for one that comes of none.
   */
  async function appendsOf(mine: TaskState, step: Step, isAgain: boolean): Promise<StepAppend[] | undefined> {
    const logs = step.changes.flatMap(({ store }) => changelogOf(store) ?? []);
    const names = [...new Set([...step.outputs.map(({ topic }) => topic), ...logs])];
    const found = new Map(
      await Promise.all(names.map(async (name) => [name, await topics.lookup(name)] as const)),
    );
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
  async function finish({ step, applied, pending, blob }: TaskState): Promise<void> {
    if (applied === step) return;
    const stored = blob === undefined ? pending : await withRetries(clock, () => stepIn(blob));
    if (stored !== undefined) await applyStep(log, (name) => topics.lookup(name), decodeStep(stored));
  }

  /** It may be late in another region; or another, who has the lease by now, is through with it. Neither way it may be passed over. */
  async function stepIn(blob: string): Promise<Uint8Array> {
    const stored = await objects.get(blob);
    if (stored === undefined)
      throw new StorageError(`a step that was committed is not to be seen: ${blob}`, 'no');
    return stored;
  }

  /** All that was committed is applied. */
  async function giveBack(mine: TaskState): Promise<TaskState | undefined> {
    // Counted on, so that nobody who has read of the step takes the task as it was then: the step's object is deleted.
    const epoch = mine.epoch + 1;
    const next = { ...mine, epoch, untilMs: 0, applied: mine.step, pending: undefined, blob: undefined };
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
