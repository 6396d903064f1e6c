import type { Log } from '../../log/log.ts';
import { decodeBatches } from '../../record/decode.ts';
import type { DecodedRecord } from '../../record/record.ts';
import type { Topics } from '../../topic/topics.ts';
import type { TaskRecord } from '../task/task.ts';
import type { StreamsLimits } from './limits.ts';

/** What a task reads: one partition of each of its topics. */
export interface Inputs {
  /** Looks for more, the first time from these positions on; whether there is any. */
  begin(positions: Readonly<Record<string, number>>): Promise<boolean>;
  /** Of the records at hand, the one with the least timestamp, as Kafka chooses; `undefined` when there are no more. */
  next(): Promise<TaskRecord | undefined>;
  /** Behind what `next` has given. */
  positions(): Readonly<Record<string, number>>;
}

interface Input {
  readonly topic: string;
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

  async function open(positions: Readonly<Record<string, number>>): Promise<Input[]> {
    const opened: Input[] = [];
    for (const topic of names) {
      const found = await topics.lookup(topic);
      if (partition >= found.partitions) continue;
      const known = positions[topic];
      const from = known ?? (await log.bounds(found, partition)).logStartOffset;
      opened.push({ topic, position: from, waiting: [], readTo: from, isAtEnd: false });
    }
    return opened;
  }

  async function fill(input: Input): Promise<void> {
    if (input.waiting.length > 0 || input.isAtEnd) return;
    const topic = await topics.lookup(input.topic);
    const { readTo: offset } = input;
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
    async begin(positions) {
      inputs ??= await open(positions);
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
      return { ...record, topic: first.topic };
    },

    positions: () => Object.fromEntries(inputs!.map(({ topic, position }) => [topic, position])),
  };
}
