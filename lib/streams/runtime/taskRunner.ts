import type { Clock } from '../../clock.ts';
import type { Log } from '../../log/log.ts';
import { withRetries } from '../../log/retry.ts';
import type { ItemStore, ObjectStore } from '../../storage/ports.ts';
import type { Topic } from '../../topic/topic.ts';
import type { Topics } from '../../topic/topics.ts';
import type { TaskId } from '../processor/processor.ts';
import { createTask, type Step, type Task } from '../task/task.ts';
import type { Subtopology } from '../topology/topology.ts';
import {
  changelogTopic,
  nameIn,
  producerOf,
  type StreamsApplication,
  sourceTopics,
  taskName,
} from './application.ts';
import { applyStep } from './applyStep.ts';
import { createInputs } from './inputs.ts';
import { STREAMS_LIMITS, type StreamsLimits } from './limits.ts';
import { planAppends } from './planAppends.ts';
import { restoreStore } from './restore.ts';
import { decodeStep, encodeStep } from './stepBlob.ts';
import { parseTask, type TaskState, taskItem, taskKey } from './taskItem.ts';

export interface RunnerContext {
  readonly application: StreamsApplication;
  readonly items: ItemStore;
  readonly objects: ObjectStore;
  readonly log: Log;
  readonly topics: Topics;
  readonly clock: Clock;
  readonly limits?: StreamsLimits;
}

/** What a run of a task has done. */
export interface TaskRun {
  /** `held`: another has the lease; `lost`: another took it meanwhile; `idle`: there is nothing more to read; `more`: the time was over. */
  readonly outcome: 'held' | 'lost' | 'idle' | 'more';
  readonly records: number;
  readonly steps: number;
  readonly restored: number;
}

/** What a process has at hand of a task, as of a step. */
interface Warm {
  readonly epoch: number;
  readonly step: number;
  readonly task: Task;
}

export interface TaskRunner {
  /** Takes the task, if nobody has it, and works on it until there is nothing to read, or `untilMs`. */
  run(task: TaskId, untilMs: number): Promise<TaskRun>;
}

/**
 * Runs tasks exactly once, without transactions. A step reads records, and says what is to be appended, outputs and changes of state, with sequences
 * of an idempotent producer that is the task's in the epoch of its lease. That is written first; then one update of the task's item, on the condition of
 * that epoch, commits it together with the next position; then it is appended. Whoever finds a step committed and not known to be applied
 * applies it again before anything else: what is there is not appended twice. So nothing of a step that was not committed is ever seen, and whoever dies,
 * sleeps or runs twice does no harm.
 */
export function createTaskRunner(context: RunnerContext): TaskRunner {
  const { application, items, objects, log, topics, clock, limits = STREAMS_LIMITS } = context;
  const { applicationId, topology } = application;
  const warm = new Map<string, Warm>();

  async function run(id: TaskId, untilMs: number): Promise<TaskRun> {
    const key = taskKey(applicationId, id);
    const subtopology = topology.subtopologies[id.subtopology]!;
    const before = parseTask(await withRetries(clock, () => items.get(key)));
    let state = await take(before);
    if (state === undefined) return { outcome: 'held', records: 0, steps: 0, restored: 0 };
    await finish(state);
    const known = warm.get(taskName(id));
    const isWarm = known?.step === state.step && known.epoch === state.epoch - 1;
    const opened = isWarm ? { task: known.task, restored: 0 } : await open(subtopology, state);
    const { task, restored } = opened;
    warm.delete(taskName(id));
    const sequences = new Map<string, number>();
    const inputs = createInputs(
      { log, topics, limits },
      sourceTopics(application, subtopology),
      id.partition,
    );
    let records = 0;
    let steps = 0;
    const ended = (outcome: TaskRun['outcome']): TaskRun => ({ outcome, records, steps, restored });
    try {
      for (;;) {
        const isOver = clock.now() >= untilMs;
        const isMore = await inputs.begin(state.positions);
        if (isOver || !isMore) {
          const after = await giveBack(state);
          if (after === undefined) return ended('lost');
          warm.set(taskName(id), { epoch: after.epoch, step: after.step, task });
          return ended(isMore ? 'more' : 'idle');
        }
        const count = await takeRecords();
        task.advanceTo(clock.now());
        const next = await commit(subtopology, state, task.take(), inputs.positions(), sequences);
        if (next === undefined) return ended('lost');
        await finish(next);
        state = { ...next, applied: next.step };
        records += count;
        steps++;
      }
    } catch (error) {
      // So that nobody waits for the lease; what is committed and not applied is so by whoever is next.
      await release(state).catch(() => undefined);
      throw error;
    }

    /** Nothing of it is seen before the step is committed. */
    async function takeRecords(): Promise<number> {
      let count = 0;
      let bytes = 0;
      while (count < limits.recordsPerStep && bytes < limits.bytesPerStep) {
        const record = await inputs.next();
        if (record === undefined) break;
        task.process(record);
        count++;
        bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
      }
      return count;
    }

    async function take(seen: TaskState): Promise<TaskState | undefined> {
      const now = clock.now();
      // One from far ahead has a clock that is wrong.
      if (seen.untilMs > now && seen.untilMs <= now + 2 * limits.leaseMs) return undefined;
      return put(seen, { ...seen, epoch: seen.epoch + 1, untilMs: now + limits.leaseMs });
    }

    /** All that was committed is applied. */
    async function giveBack(mine: TaskState): Promise<TaskState | undefined> {
      const after = await put(mine, { ...mine, untilMs: 0, pending: undefined, blob: undefined });
      if (after !== undefined && mine.blob !== undefined)
        await objects.delete([mine.blob]).catch(() => undefined);
      return after;
    }

    async function release(mine: TaskState): Promise<void> {
      const now = parseTask(await items.get(key));
      if (now.epoch === mine.epoch) await put(now, { ...now, untilMs: 0 });
    }

    /** On the condition that nobody else has taken the task, and that this was not done: its epoch and step say so. */
    async function put(seen: TaskState, next: TaskState): Promise<TaskState | undefined> {
      const item = taskItem(key, next);
      const { applied, item: found } = await withRetries(clock, () =>
        items.put(
          item,
          seen.epoch === 0
            ? { missing: ['pk'] }
            : {
                all: [
                  { path: ['epoch'], is: '=', value: seen.epoch },
                  { path: ['step'], is: '=', value: seen.step },
                ],
              },
        ),
      );
      if (applied) return next;
      // Refused, but by our own call, of which the answer was lost.
      const there = parseTask(found);
      const isOurs = there.epoch === next.epoch && there.step === next.step && there.untilMs === next.untilMs;
      return isOurs && there.blob === next.blob ? next : undefined;
    }

    async function commit(
      { stores }: Subtopology,
      mine: TaskState,
      step: Step,
      positions: TaskState['positions'],
      counted: Map<string, number>,
    ): Promise<TaskState | undefined> {
      const logged = new Set(stores.filter((store) => store.logged).map(({ name }) => name));
      const partitions = await partitionsOfOutputs(step);
      const appends = planAppends(step, {
        producer: producerOf(applicationId, id, mine.epoch),
        partitionsOf: (topic) => partitions.get(topic)!,
        changelogOf: (store) => changelogTopic(applicationId, store),
        isLogged: (store) => logged.has(store),
        ...{ partition: id.partition, nowMs: clock.now(), sequences: counted },
      });
      const chunks = encodeStep(appends);
      const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
      const isSmall = bytes <= limits.inlineBytes;
      const blob = `streams/${applicationId}/${taskName(id)}/${mine.epoch}-${mine.step + 1}`;
      if (!isSmall && appends.length > 0) await withRetries(clock, () => objects.put(blob, chunks));
      const next = await put(mine, {
        ...{ epoch: mine.epoch, untilMs: clock.now() + limits.leaseMs },
        ...{ step: mine.step + 1, applied: mine.step, positions, times: step.times },
        pending: isSmall ? new Uint8Array(Buffer.concat(chunks)) : undefined,
        blob: isSmall || appends.length === 0 ? undefined : blob,
      });
      // What it named before is applied, and of no use to anybody.
      if (next !== undefined && mine.blob !== undefined)
        await objects.delete([mine.blob]).catch(() => undefined);
      return next;
    }

    async function partitionsOfOutputs({ outputs }: Step): Promise<Map<string, number>> {
      const names = [...new Set(outputs.map(({ topic }) => topic))];
      const found = await Promise.all(names.map((name) => topics.lookup(name)));
      return new Map(names.map((name, i) => [name, found[i]!.partitions]));
    }

    /** Applies the last step, if it is not known that it was. */
    async function finish({ step, applied, pending, blob }: TaskState): Promise<void> {
      if (applied === step) return;
      const stored = pending ?? (blob && (await withRetries(clock, () => objects.get(blob))));
      if (stored === undefined || stored === '') return;
      await applyStep(log, (name): Promise<Topic> => topics.lookup(name), decodeStep(stored));
    }

    async function open(from: Subtopology, { times }: TaskState): Promise<{ task: Task; restored: number }> {
      const task = createTask({
        ...{ partition: id.partition, subtopology: from, times, nowMs: clock.now() },
        internalTopic: (name) => nameIn(application, name),
      });
      let restored = 0;
      for (const { name, logged } of from.stores) {
        if (!logged) continue;
        const changelog = await topics.lookup(changelogTopic(applicationId, name));
        restored += await restoreStore(log, changelog, name, task);
      }
      return { task, restored };
    }
  }

  return { run };
}
