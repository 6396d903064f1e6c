import { WadiError } from '../../errors.ts';
import { withRetries } from '../../log/retry.ts';
import { StorageError } from '../../storage/ports.ts';
import type { Topic } from '../../topic/topic.ts';
import type { TaskId } from '../processor/processor.ts';
import type { RecordError, Step, Task } from '../task/task.ts';
import { changelogTopic, isRepartitionTopic, producerOf, sourceTopics, taskName } from './application.ts';
import { applyStep } from './applyStep.ts';
import type { GlobalTables } from './globalTables.ts';
import { createInputs, type Inputs } from './inputs.ts';
import type { StreamsLimits } from './limits.ts';
import { newTask } from './newTask.ts';
import { planAppends } from './planAppends.ts';
import { type Placeable, REFUSALS, refusalOf } from './refusal.ts';
import { restoreTask } from './restoreTask.ts';
import type { StepAppend } from './stepBlob.ts';
import { createStepStorage } from './stepStorage.ts';
import { storedStep } from './storedStep.ts';
import { takeSnapshot } from './takeSnapshot.ts';
import { type TakenStep, takeStep } from './takeStep.ts';
import { positionIn, type TaskState } from './taskItem.ts';
import type { RunnerContext, TaskRun } from './taskRunner.ts';
import type { TaskStore } from './taskStore.ts';
import { unlessGone } from './unlessGone.ts';

/** A task as a worker leaves it, who has it at hand if he is the next to take it. */
export interface TaskAtHand {
  readonly task: Task;
  /** Records of its changelogs since the last snapshot. */
  readonly sinceSnapshot: number;
  /** Of the topics that have them. */
  readonly changelogIds: string;
}

export interface Worked extends TaskAtHand {
  readonly run: TaskRun;
  /** As it was given back; `undefined`: another has taken it. */
  readonly state: TaskState | undefined;
}

/** What the works of a process have in common. */
export interface WorkContext extends RunnerContext {
  readonly limits: StreamsLimits;
  readonly tables: GlobalTables;
  /** The topics that were appended to, as they were last seen. */
  readonly outputTopics: Map<string, Topic>;
  /** By task: when its inputs were purged last, */
  readonly purged: Map<string, number>;
  /** and orphans were looked for. */
  readonly tidied: Map<string, number>;
}

const mayBeRepeated = (error: unknown): boolean =>
  error instanceof StorageError || (error instanceof WadiError && error.retriable);

/**
 * Works on a task that was taken, step by step, until there is nothing to read or `untilMs`, and gives it back.
 * @param own see `ownTopics`
 */
export function createWork(
  context: WorkContext,
  id: TaskId,
  store: TaskStore,
  taken: TaskState,
  own: ReadonlyMap<string, Topic>,
) {
  const { application, objects, log, topics, clock, limits, purged, tidied, tables, outputTopics } = context;
  const { applicationId, topology, onError = 'stop', processingGuarantee } = application;
  const isAtLeastOnce = processingGuarantee === 'at_least_once';
  const subtopology = topology.subtopologies[id.subtopology]!;
  const name = taskName(id);
  const keepMs = context.isLate ? limits.keepStepsMs : 0;
  const { inlineBytes } = limits;
  const storage = createStepStorage(
    { objects, clock, inlineBytes, keepMs },
    `streams/${applicationId}/${name}/`,
  );
  /** Of the stores that have one. */
  const changelogs = new Map(
    subtopology.stores
      .filter(({ logged }) => logged)
      .map((each) => [each.name, own.get(changelogTopic(applicationId, each.name))!] as const),
  );
  const sequences = new Map<string, number>();
  const appendedTo = new Set<string>();
  const takenMs = clock.now();
  let restored = 0;
  let sinceSnapshot = 0;

  async function work(atHand: TaskAtHand | undefined, untilMs: number): Promise<Worked> {
    let state = taken;
    await append(await storedStep(context, state));
    await tidy(state, atHand !== undefined);
    const changelogIds = [...changelogs.values()].map((topic) => topic.id).join();
    const isWarm = atHand?.changelogIds === changelogIds;
    let task = isWarm ? atHand.task : await open(state);
    if (isWarm) ({ sinceSnapshot } = atHand);
    let inputs = newInputs();
    let records = 0;
    let steps = 0;
    let isAgain = false;
    let dropped = 0;
    /** The record that comes next cannot be processed. */
    let bad: RecordError | undefined;
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
      const options = { limits, onError, from: inputs.positions(), now: () => clock.now(), bad };
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
      state = next;
      await purge(state, inputs, takenMs);
      records += made.records;
      steps++;
      for (const count of Object.values(made.step.dropped)) dropped += count;
      ({ task, bad } = made);
      if (bad !== undefined) inputs = newInputs();
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

  /** As of the last step that was committed, and applied. */
  async function open(state: TaskState): Promise<Task> {
    const options = { nowMs: clock.now(), globalStores: tables.stores, changelogOf, refusal };
    const task = newTask(application, id, state.times, options);
    let { untilMs } = state;
    async function holdOn(): Promise<void> {
      if (untilMs - clock.now() > limits.leaseMs / 2) return;
      untilMs = clock.now() + limits.leaseMs;
      if ((await store.put(state, { ...state, untilMs })) === undefined)
        throw new StorageError(`task ${name} is another's by now`, 'no');
    }
    const read = await restoreTask(context, task, changelogs, state.snapshot, holdOn);
    if (read === undefined) return open({ ...state, snapshot: undefined });
    restored += read;
    sinceSnapshot = read;
    return task;
  }

  const topicOf = async (topic: string): Promise<Topic> => own.get(topic) ?? topics.lookup(topic);

  const changelogOf = (storeName: string): string | undefined => changelogs.get(storeName)?.name;

  function refusal(name: string, record: Placeable): WadiError | undefined {
    const topic = outputTopics.get(name);
    return topic && refusalOf(topic, record);
  }

  /**
   * `undefined`: a topic does not take a record, for what the task may not have known of it. Made again, it says which record that comes of. Throws
   * what `planAppends` does for one that comes of none.
   */
  async function appendsOf(mine: TaskState, step: Step, isAgain: boolean): Promise<StepAppend[] | undefined> {
    const logs = step.changes.flatMap((change) => changelogOf(change.store) ?? []);
    const names = [...new Set([...step.outputs.map(({ topic }) => topic), ...logs])];
    const found = new Map(await Promise.all(names.map(async (each) => [each, await topicOf(each)] as const)));
    for (const [name, topic] of found) outputTopics.set(name, topic);
    try {
      return planAppends(step, {
        producer: producerOf(applicationId, id, mine.epoch),
        topicOf: (topic) => found.get(topic)!,
        ...{ changelogOf, partition: id.partition, nowMs: clock.now(), sequences },
      });
    } catch (error) {
      if (!isAgain && error instanceof WadiError && REFUSALS.includes(error.kafka)) return undefined;
      throw error;
    }
  }

  /** `undefined`: another has taken the task. What is returned is applied. */
  async function commit(
    mine: TaskState,
    { step, positions, topicIds }: Pick<TakenStep, 'step' | 'positions'> & Pick<TaskState, 'topicIds'>,
    appends: readonly StepAppend[],
  ): Promise<TaskState | undefined> {
    const done = isAtLeastOnce
      ? await appendFirst(mine, appends)
      : { applied: mine.step, ...(await storage.keep(mine, appends)) };
    const next = await store.put(mine, {
      ...mine,
      untilMs: clock.now() + limits.leaseMs,
      ...{ step: mine.step + 1, positions, topicIds, times: step.times },
      ...done,
    });
    if (next === undefined) return undefined;
    sinceSnapshot += step.changes.filter((change) => changelogs.has(change.store)).length;
    await storage.forget(mine);
    if (!isAtLeastOnce) await append(appends);
    return { ...next, applied: next.step };
  }

  /** As long as it is tried with the same sequences, nothing of it is appended twice. */
  async function appendFirst({ step }: TaskState, appends: readonly StepAppend[]) {
    await withRetries(clock, () => append(appends), mayBeRepeated);
    return { applied: step + 1, pending: undefined, blob: undefined };
  }

  async function append(appends: readonly StepAppend[]): Promise<void> {
    await applyStep(log, (topic) => unlessGone(topicOf(topic)), appends);
    for (const { topic, partition } of appends) appendedTo.add(`${topic}/${partition}`);
  }

  /** All that was committed is applied. */
  async function giveBack(mine: TaskState): Promise<TaskState | undefined> {
    // Counted on, so that nobody who has read of the step takes the task as it was then: the step's object is deleted.
    const epoch = mine.epoch + 1;
    const left = { untilMs: 0, leftMs: clock.now() };
    const next = { ...mine, ...left, epoch, applied: mine.step, pending: undefined, blob: undefined };
    const after = await store.put(mine, next);
    if (after !== undefined) await storage.forget(mine);
    return after;
  }

  /**
   * When the changelogs have gone on far enough. It takes half a lease at most, and is given up otherwise. `undefined`: another has the task.
   */
  async function keepSnapshot(
    mine: TaskState,
    task: Task,
    runUntilMs: number,
  ): Promise<TaskState | undefined> {
    const deadlineMs = Math.min(runUntilMs, mine.untilMs - limits.leaseMs / 2);
    const isDue = sinceSnapshot >= Math.max(limits.snapshotRecords, mine.snapshot?.keys ?? 0);
    if (!isDue || clock.now() >= deadlineMs) return mine;
    sinceSnapshot = 0;
    const prefix = `snapshots/${applicationId}/${name}/`;
    return takeSnapshot(context, store, mine, task, { prefix, changelogs, deadlineMs });
  }

  /**
   * Deletes what the task has read of the application's own topics, once in `purgeMs`: nobody else reads it. Below what is committed, so that it does
   * no harm late, twice or half done, and whoever fails leaves it to the next.
   */
  async function purge(state: TaskState, inputs: Inputs, sinceMs: number): Promise<void> {
    const now = clock.now();
    if (now - (purged.get(name) ?? sinceMs) < limits.purgeMs) return;
    const read = inputs.topics().filter((topic) => isRepartitionTopic(application, topic.name));
    purged.set(name, now);
    await Promise.allSettled(
      read.map((topic) => log.deleteRecords(topic, id.partition, positionIn(state, topic) ?? 0)),
    );
  }

  /** Others may have left something; oneself only what is kept for a while. */
  async function tidy(state: TaskState, isAtHand: boolean): Promise<void> {
    const now = clock.now();
    // So often that a look has room for what has become too old since the last one.
    const isDue = keepMs > 0 && Math.abs(now - (tidied.get(name) ?? 0)) >= keepMs / 10;
    if (isAtHand && !isDue) return;
    tidied.set(name, now);
    await storage.forgetOrphans(state).catch(() => undefined);
  }

  return work;
}
