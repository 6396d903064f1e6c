import type { Clock } from '../../clock.ts';
import type { LogTopic } from '../../log/log.ts';
import type { Item, Key } from '../../storage/ports.ts';
import type { TaskId } from '../processor/processor.ts';
import { NO_TIMES, type TaskTimes } from '../task/task.ts';
import { EPOCHS, taskName } from './application.ts';
import type { Snapshot } from './snapshot.ts';

/**
 * A task's position and lease, in one item of the groups table: whoever has the lease's epoch may commit a step.
 *
 *     pk 'streams/<applicationId>'   sk `<sub-topology>_<partition>`
 *     epoch      counts the leases, and those that were given back
 *     holder     who has the lease, or had it last: drawn by chance for each
 *     untilMs    when the lease ends; 0 if it was given back
 *     leftMs     when it was given back last
 *     step       counts the steps that were committed
 *     applied    the steps that are known to be in the log
 *     positions  map, by topic: the offset that the next step begins at
 *     topicIds   map, by topic: which topic of that name it is an offset of
 *     times      text, JSON: see TaskTimes
 *     snapshot   text, JSON: of the stores, if there is one
 *     isResetting  true while the application is reset, or deleted: nobody takes the task
 *     pending    binary: the last step, if it is small; `blob` text: the key of the object that has it
 */
export interface TaskState {
  readonly epoch: number;
  readonly holder: string;
  readonly untilMs: number;
  readonly leftMs: number;
  readonly step: number;
  readonly applied: number;
  readonly positions: Readonly<Record<string, number>>;
  readonly topicIds: Readonly<Record<string, string>>;
  readonly times: TaskTimes;
  readonly snapshot: Snapshot | undefined;
  readonly pending: Uint8Array | undefined;
  readonly blob: string | undefined;
  readonly isResetting?: true;
}

const PK_PREFIX = 'streams/';

export const NEW_TASK: TaskState = {
  ...{ epoch: 0, holder: '', untilMs: 0, leftMs: 0, step: 0, applied: 0 },
  ...{ positions: {}, topicIds: {}, times: NO_TIMES },
  ...{ snapshot: undefined, pending: undefined, blob: undefined },
};

/** Where the task goes on in a topic; `undefined` if it has read nothing of it, but of one that had its name before. */
export function positionIn(
  { positions, topicIds }: Pick<TaskState, 'positions' | 'topicIds'>,
  { name, id }: LogTopic,
): number | undefined {
  return (topicIds[name] ?? id) === id ? positions[name] : undefined;
}

/**
 * Of a task's first lease. Epochs are those of its appends, and count on as long as there is its item; should that be deleted, and the task
 * begin anew, its appends are of another producer, and nobody who slept is taken for it.
 */
export const firstEpoch = (clock: Clock): number => firstEpochOf(Buffer.from(clock.random(4)).readUInt32BE());

/** Of a generation of producers: see `producerOf`. */
const firstEpochOf = (generation: number): number => generation * EPOCHS + 1;

export const isTaskItem = ({ pk }: Pick<Key, 'pk'>): boolean => pk.startsWith(PK_PREFIX);

/**
 * A task's item, as a new home begins with it. It may be older than what the log has of the task, in epochs that it does not tell of: so the task goes on as
 * another producer. Nobody who had its lease can commit there.
 */
export function atNewHome(item: Item): Item {
  const generation = Math.floor((item.epoch as number) / EPOCHS);
  return { ...item, epoch: firstEpochOf(generation + 1), untilMs: 0 };
}

export function taskKey(applicationId: string, task: TaskId): Key {
  return { pk: `${PK_PREFIX}${applicationId}`, sk: taskName(task) };
}

export const applicationIdOf = ({ pk }: Key): string => pk.slice(PK_PREFIX.length);

/** Of a task's item. */
export function taskOf({ sk }: Key): TaskId {
  const [subtopology, partition] = sk.split('_').map(Number) as [number, number];
  return { subtopology, partition };
}

/** Whether somebody has the task. A lease that ends far ahead is of a clock that is wrong. */
export function isLeased(
  { untilMs }: Pick<TaskState, 'untilMs'>,
  nowMs: number,
  { leaseMs }: { readonly leaseMs: number },
): boolean {
  return untilMs > nowMs && untilMs <= nowMs + 2 * leaseMs;
}

export function taskItem(key: Key, { times, snapshot, pending, blob, ...state }: TaskState): Item {
  return {
    ...key,
    ...state,
    positions: { ...state.positions },
    topicIds: { ...state.topicIds },
    times: JSON.stringify(times),
    ...(snapshot && { snapshot: JSON.stringify(snapshot) }),
    ...(pending && { pending }),
    ...(blob !== undefined && { blob }),
  };
}

export function parseTask(item: Item | undefined): TaskState {
  if (item === undefined) return NEW_TASK;
  return {
    epoch: item.epoch as number,
    holder: item.holder as string,
    untilMs: item.untilMs as number,
    leftMs: (item.leftMs ?? 0) as number,
    step: item.step as number,
    applied: item.applied as number,
    positions: item.positions as Readonly<Record<string, number>>,
    topicIds: (item.topicIds ?? {}) as Readonly<Record<string, string>>,
    times: JSON.parse(item.times as string) as TaskTimes,
    snapshot: item.snapshot === undefined ? undefined : (JSON.parse(item.snapshot as string) as Snapshot),
    pending: item.pending as Uint8Array | undefined,
    blob: item.blob as string | undefined,
    ...(item.isResetting === true && { isResetting: true }),
  };
}
