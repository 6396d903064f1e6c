import type { Log } from '../../log/log.ts';
import { decodeBatches } from '../../record/decode.ts';
import type { DecodedRecord } from '../../record/record.ts';
import type { Topic } from '../../topic/topic.ts';
import type { Topics } from '../../topic/topics.ts';
import type { TaskRecord } from '../task/task.ts';
import type { StreamsLimits } from './limits.ts';
import { positionIn, type TaskState } from './taskItem.ts';

type Positions = Pick<TaskState, 'positions' | 'topicIds'>;

/** What a task reads: one partition of each of its topics. */
export interface Inputs {
  /** Looks for more, the first time from where the task is; whether there is any. */
  begin(state: Positions): Promise<boolean>;
  /** Of the records at hand, the one with the least timestamp, as Kafka chooses; `undefined` when there are no more. */
  next(): Promise<TaskRecord | undefined>;
  /** Behind what `next` has given. */
  positions(): Readonly<Record<string, number>>;
  /** Those that positions are of. */
  topics(): readonly Topic[];
}

interface Input {
  /** As it was at first: should another take its name, there is nothing more to read. */
  readonly topic: Topic;
  position: number;
  waiting: DecodedRecord[];
  /** Where the next read begins. */
  readTo: number;
  isAtEnd: boolean;
}

interface InputContext {
  readonly log: Pick<Log, 'fetch' | 'bounds'>;
  readonly topics: Pick<Topics, 'lookup'>;
  readonly limits: Pick<StreamsLimits, 'bytesPerFetch'>;
}

export function createInputs(
  { log, topics, limits }: InputContext,
  names: readonly string[],
  partition: number,
): Inputs {
  let inputs: Input[] | undefined;

  async function open(state: Positions): Promise<Input[]> {
    const opened: Input[] = [];
    for (const name of names) {
      const topic = await topics.lookup(name);
      if (partition >= topic.partitions) continue;
      const { logStartOffset } = await log.bounds(topic, partition);
      // What retention has taken is passed over, as by Kafka's `auto.offset.reset`, which for streams is `earliest`.
      const from = Math.max(positionIn(state, topic) ?? 0, logStartOffset);
      opened.push({ topic, position: from, waiting: [], readTo: from, isAtEnd: false });
    }
    return opened;
  }

  async function fill(input: Input): Promise<void> {
    if (input.waiting.length > 0 || input.isAtEnd) return;
    const { topic, readTo: offset } = input;
    const fetched = await log.fetch(topic, {
      ...{ partition, offset, maxBytes: limits.bytesPerFetch, minBytes: 0, maxWaitMs: 0 },
    });
    input.waiting = [...decodeBatches(fetched.bytes, { fromOffset: offset })];
    input.readTo = fetched.nextOffset;
    // What is behind may be gaps alone, of compaction.
    if (input.waiting.length === 0) input.position = input.readTo;
    input.isAtEnd = fetched.nextOffset === offset;
  }

  return {
    async begin(state) {
      inputs ??= await open(state);
      for (const input of inputs) input.isAtEnd = false;
      await Promise.all(inputs.map(fill));
      return inputs.some(({ waiting }) => waiting.length > 0);
    },

    async next() {
      await Promise.all(inputs!.map(fill));
      let first: Input | undefined;
      for (const input of inputs!) {
        const [record] = input.waiting;
        if (record === undefined) continue;
        if (first === undefined || record.timestamp < first.waiting[0]!.timestamp) first = input;
      }
      const record = first?.waiting.shift();
      if (first === undefined || record === undefined) return undefined;
      first.position = first.waiting[0]?.offset ?? first.readTo;
      return { ...record, topic: first.topic.name };
    },

    positions: () => Object.fromEntries(inputs!.map(({ topic, position }) => [topic.name, position])),
    topics: () => inputs!.map(({ topic }) => topic),
  };
}
