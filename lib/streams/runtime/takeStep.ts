import { type Output, RecordError, type Step, type Task, type TaskRecord } from '../task/task.ts';
import { deadLetter, type OnError } from './deadLetter.ts';
import type { Inputs } from './inputs.ts';
import type { StreamsLimits } from './limits.ts';

export interface TakenStep {
  readonly step: Step;
  readonly positions: Readonly<Record<string, number>>;
  readonly records: number;
  readonly task: Task;
  /** Why the step ended before a record: it was read, but is still to come. */
  readonly bad?: RecordError;
}

export interface StepOptions {
  readonly limits: Pick<StreamsLimits, 'recordsPerStep' | 'bytesPerStep' | 'stepMs'>;
  readonly onError: OnError;
  /** A task like this one, as of the last step that was committed. */
  readonly reopen: () => Promise<Task>;
  /** Where that left off. */
  readonly from: Readonly<Record<string, number>>;
  readonly now: () => number;
  /** Of the step before. */
  readonly bad?: RecordError | undefined;
}

/**
 * Lets a task read on, up to the bounds of a step. A record whose bytes are none of its type goes to the dead letters by the way. One at which a
 * processor fails may have changed half of what it would: so the step ends before it, with the task made anew; and the next is of its dead letter alone.
 * Throws RecordError where such records stop the task, when what came before them is committed.
 */
export async function takeStep(task: Task, inputs: Inputs, options: StepOptions): Promise<TakenStep> {
  const { limits, onError, now, from, bad } = options;
  const taken: TaskRecord[] = [];
  const letters: Output[] = [];
  const endMs = now() + limits.stepMs;
  let bytes = 0;
  while (taken.length < limits.recordsPerStep && bytes < limits.bytesPerStep && now() < endMs) {
    const record = await inputs.next();
    if (record === undefined) break;
    const error = isOf(record, bad) ? bad : failureOf(task, record);
    const isTouched = error !== bad && error?.during === 'processing';
    if (error?.during === 'deserialization' && onError !== 'stop')
      letters.push(deadLetter(onError.deadLetterTopic, error));
    else if (error !== undefined) {
      if (taken.length > 0) return { ...end(isTouched ? await again() : task, behind(taken)), bad: error };
      if (onError === 'stop') throw error;
      return letterAlone(isTouched ? await options.reopen() : task, error, onError.deadLetterTopic);
    }
    taken.push(record);
    bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
  }
  return end(task, inputs.positions());

  function end(made: Task, positions: TakenStep['positions']): TakenStep {
    made.advanceTo(now());
    const step = made.take();
    return {
      step: { ...step, outputs: [...step.outputs, ...letters] },
      ...{ positions, records: taken.length, task: made },
    };
  }

  function letterAlone(made: Task, error: RecordError, topic: string): TakenStep {
    const { times } = made.take();
    const step: Step = { outputs: [deadLetter(topic, error)], changes: [], times, dropped: {} };
    return { step, positions: behind([error.record]), records: 1, task: made };
  }

  /** As of the records that were taken: of their bytes some fail, as before. */
  async function again(): Promise<Task> {
    const made = await options.reopen();
    for (const record of taken) {
      const error = failureOf(made, record);
      if (error?.during === 'processing') throw error;
    }
    return made;
  }

  function behind(records: readonly TaskRecord[]): Readonly<Record<string, number>> {
    const positions = { ...from };
    for (const { topic, offset } of records) positions[topic] = offset + 1;
    return positions;
  }
}

const isOf = ({ topic, offset }: TaskRecord, error: RecordError | undefined): boolean =>
  error?.record.topic === topic && error.record.offset === offset;

function failureOf(task: Task, record: TaskRecord): RecordError | undefined {
  try {
    task.process(record);
    return undefined;
  } catch (error) {
    if (error instanceof RecordError) return error;
    throw error;
  }
}
