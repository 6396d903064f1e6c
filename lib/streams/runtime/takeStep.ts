import { type Output, RecordError, type Step, type Task, type TaskRecord } from '../task/task.ts';
import { deadLetter, type OnError } from './deadLetter.ts';
import type { Inputs } from './inputs.ts';
import type { StreamsLimits } from './limits.ts';

export interface TakenStep {
  readonly step: Step;
  readonly positions: Readonly<Record<string, number>>;
  readonly records: number;
  /** The task as it now is; `undefined` if it is to be opened anew, since a record has broken off in its midst. */
  readonly task: Task | undefined;
}

export interface StepOptions {
  readonly limits: Pick<StreamsLimits, 'recordsPerStep' | 'bytesPerStep'>;
  readonly onError: OnError;
  /** A task like this one, as of the last step that was committed. */
  readonly reopen: () => Promise<Task>;
  /** Where that left off. */
  readonly from: Readonly<Record<string, number>>;
  readonly nowMs: number;
}

/**
 * Lets a task read on, up to the bounds of a step. A record whose bytes are none of its type goes to the dead letters by the way. One at which a
 * processor fails may have changed half of what it would: so the step ends before it, or, if it is the first, is of its dead letter alone, and
 * the task begins anew as of the step before. Throws RecordError where such records stop the task.
 */
export async function takeStep(task: Task, inputs: Inputs, options: StepOptions): Promise<TakenStep> {
  const { limits, onError, nowMs, from } = options;
  const { partition } = task.id;
  const taken: TaskRecord[] = [];
  const letters: Output[] = [];
  let bytes = 0;
  while (taken.length < limits.recordsPerStep && bytes < limits.bytesPerStep) {
    const record = await inputs.next();
    if (record === undefined) break;
    try {
      task.process(record);
    } catch (error) {
      if (!(error instanceof RecordError) || onError === 'stop') throw error;
      const letter = deadLetter(onError.deadLetterTopic, error, partition);
      if (error.during === 'processing') return endBefore(record, letter);
      letters.push(letter);
    }
    taken.push(record);
    bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
  }
  task.advanceTo(nowMs);
  const step = task.take();
  return {
    step: { ...step, outputs: [...step.outputs, ...letters] },
    positions: inputs.positions(),
    records: taken.length,
    task,
  };

  async function endBefore(bad: TaskRecord, letter: Output): Promise<TakenStep> {
    const again = await options.reopen();
    if (taken.length === 0) {
      const { times } = again.take();
      const step: Step = { outputs: [letter], changes: [], times, dropped: {} };
      return { step, positions: behind([bad]), records: 1, task: again };
    }
    const some = letters.length > 0 && onError !== 'stop';
    for (const record of taken) {
      try {
        again.process(record);
      } catch (error) {
        // As before: of its bytes.
        if (!some || !(error instanceof RecordError) || error.during !== 'deserialization') throw error;
      }
    }
    again.advanceTo(nowMs);
    const step = again.take();
    return {
      step: { ...step, outputs: [...step.outputs, ...letters] },
      positions: behind(taken),
      records: taken.length,
      task: again,
    };
  }

  function behind(records: readonly TaskRecord[]): Readonly<Record<string, number>> {
    const positions = { ...from };
    for (const { topic, offset } of records) positions[topic] = offset + 1;
    return positions;
  }
}
