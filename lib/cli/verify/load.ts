import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeBatch } from '../../record/encode.ts';
import type {
  AppendOutcome,
  FinalPartition,
  Operation,
  PartitionId,
  SentBatch,
} from '../../verify/history.ts';
import { idOf, type TopicClient } from './client.ts';

/** What is remembered takes some 300 bytes a record and 500 an operation. */
export const MAX_RECORDS = 1_000_000;
export const MAX_OPERATIONS = 500_000;

const MAX_BATCH_RECORDS = 20;
/** Of a hundred batches, so many are sent again although they were acknowledged, */
const SENT_AGAIN_PERCENT = 5;
/** so many, and the first, are followed by one that must be refused for the gap between their sequences, */
const REFUSED_PERCENT = 2;
const SEQUENCE_GAP = 1_000_000;
/** and so many hold a record that is long. */
const LONG_PERCENT = 2;
const LONG_BYTES = 80_000;
const MAX_WAIT_MS = 500;
const PAUSE_MS = 100;
const TAIL_READERS = 2;
const TAIL_PAUSE_MS = 20;
/** How long after the end an idempotent producer still asks what became of its last batch. */
const LAST_RETRIES_MS = 10_000;
/** For reading everything that is there at the end. */
const FINAL_MS = 120_000;
const FINAL_PAUSE_MS = 500;

export interface Load {
  readonly client: TopicClient;
  readonly topic: string;
  readonly partitions: number;
  readonly producers: number;
  readonly consumers: number;
  /** Who serves now. */
  readonly via: () => string | undefined;
  /** Ends the load. */
  readonly stop: AbortSignal;
  /** Called when no more can be remembered. */
  readonly full: () => void;
}

/** What has happened so far. */
export interface Recorded {
  readonly operations: Operation[];
  acknowledgedRecords: number;
  sentRecords: number;
  fetchedRecords: number;
}

interface Run extends Load {
  readonly recorded: Recorded;
  /** Each record that was read is kept once, however often it is read. */
  readonly read: readonly Map<number, readonly [number, string]>[];
}

/** Resolves some time after `stop`: when all that was sent has been answered, or given up. */
export async function runLoad(load: Load, recorded: Recorded): Promise<void> {
  const read = Array.from({ length: load.partitions }, () => new Map());
  const run: Run = { ...load, recorded, read };
  const workers: Promise<void>[] = [];
  for (let i = 0; i < load.producers; i++) {
    if (i % 2 === 0) workers.push(produceIdempotently(run, `i${i}`));
    else workers.push(produceJson(run, `j${i}`, i % 4 === 1 ? 'v3' : 'v2'));
  }
  for (let i = 0; i < load.consumers; i++) {
    for (let partition = 0; partition < load.partitions; partition++) {
      workers.push(consume(run, `c${i}`, partition, i % 2 === 0 ? 'raw' : 'v3'));
    }
  }
  for (let i = 0; i < TAIL_READERS; i++) workers.push(readTails(run));
  await Promise.all(workers);
}

/** Everything that is there, of a partition that nobody appends to any more. `undefined`: it cannot be read. */
export async function readFinal(client: TopicClient, partition: number): Promise<FinalPartition | undefined> {
  const untilMs = performance.now() + FINAL_MS;
  const records: (readonly [number, string])[] = [];
  let next: number | undefined;
  while (performance.now() < untilMs) {
    if (next === undefined) {
      const bounds = await client.bounds(partition);
      if (bounds.is === 'ok') next = bounds.logStartOffset;
    }
    const fetched = next === undefined ? undefined : await client.fetch(partition, next, 0, 'raw');
    if (fetched?.is !== 'ok') {
      await sleep(FINAL_PAUSE_MS);
      continue;
    }
    const { highWatermark, logStartOffset } = fetched;
    for (const record of fetched.records) records.push(record);
    // An answer without records is the end, even if it says that there is more: that is then what is wrong.
    if (fetched.records.length === 0 || fetched.nextOffset >= highWatermark) {
      return { logStartOffset, highWatermark, records };
    }
    next = records.at(-1)![0] + 1;
  }
  return undefined;
}

export function partitionId(topic: string, partition: number): PartitionId {
  return `${topic}/${partition}`;
}

async function produceIdempotently(run: Run, name: string): Promise<void> {
  for (let session = 0; !run.stop.aborted; session++) {
    const id = BigInt(`0x${randomBytes(6).toString('hex')}`);
    const producer = `${name}.${session}`;
    const sequences = new Array<number>(run.partitions).fill(0);
    // A refusal leaves it open what the next sequence is: go on as another producer.
    for (let refused = false, count = 0; !refused && !run.stop.aborted; ) {
      const partition = randomInt(run.partitions);
      const values = someValues(producer, count);
      count += values.length;
      const sequence = sequences[partition]!;
      const bytes = encodeBatch(values.map(recordOf), { producer: { id, epoch: 0, sequence } });
      const sent = { values: values.map(idOf), producer, sequence, idempotent: true };
      const attempt = () => append(run, partition, [sent], () => run.client.appendBatch(partition, bytes));
      run.recorded.sentRecords += values.length;
      const outcome = await untilKnown(run.stop, attempt);
      refused = outcome.is === 'failed';
      sequences[partition] = sequence + values.length;
      if (outcome.is !== 'ok') continue;
      run.recorded.acknowledgedRecords += values.length;
      if (randomInt(100) < SENT_AGAIN_PERCENT) await attempt();
      if (sequence === 0 || randomInt(100) < REFUSED_PERCENT) {
        const gap = { id, epoch: 0, sequence: sequence + SEQUENCE_GAP };
        const value = `${producer}-gap${count}`;
        const batch = encodeBatch([recordOf(value)], { producer: gap });
        const never = { values: [value], producer, sequence: gap.sequence, idempotent: true };
        await append(run, partition, [never], () => run.client.appendBatch(partition, batch));
      }
    }
  }
}

async function untilKnown(stop: AbortSignal, attempt: () => Promise<AppendOutcome>): Promise<AppendOutcome> {
  for (let giveUpAtMs = Infinity; ; ) {
    const outcome = await attempt();
    if (stop.aborted) giveUpAtMs = Math.min(giveUpAtMs, Date.now() + LAST_RETRIES_MS);
    const tooMuchAtOnce = outcome.is === 'failed' && outcome.error?.startsWith('429');
    if ((outcome.is !== 'unknown' && !tooMuchAtOnce) || Date.now() > giveUpAtMs) return outcome;
    await sleep(PAUSE_MS);
  }
}

/** Without idempotence, what may have been appended is not sent again. */
async function produceJson(run: Run, producer: string, form: 'v3' | 'v2'): Promise<void> {
  for (let count = 0; !run.stop.aborted; ) {
    const partition = randomInt(run.partitions);
    const values = someValues(producer, count);
    const batches = values.map((value, i) => {
      return { values: [idOf(value)], producer, sequence: count + i, idempotent: false };
    });
    count += values.length;
    run.recorded.sentRecords += values.length;
    const outcome = await append(run, partition, batches, () =>
      run.client.appendJson(partition, values, form),
    );
    if (outcome.is === 'ok') run.recorded.acknowledgedRecords += values.length;
    else await sleep(PAUSE_MS);
  }
}

function someValues(producer: string, from: number): string[] {
  const long = randomInt(100) < LONG_PERCENT ? ` ${'x'.repeat(randomInt(LONG_BYTES))}` : '';
  return Array.from({ length: randomInt(1, MAX_BATCH_RECORDS + 1) }, (_, i) => {
    return `${producer}-${from + i}${i === 0 ? long : ''}`;
  });
}

function recordOf(value: string) {
  return { timestamp: Date.now(), key: null, value: Buffer.from(value), headers: [] };
}

async function append(
  run: Run,
  partition: number,
  batches: readonly SentBatch[],
  send: () => Promise<AppendOutcome>,
): Promise<AppendOutcome> {
  return timed(run, partition, send, (times, outcome) => {
    // Of what is not known, nobody has seen the end.
    const returnedAtMs = outcome.is === 'unknown' ? Infinity : times.returnedAtMs;
    return { kind: 'append', ...times, returnedAtMs, batches, outcome };
  });
}

async function consume(run: Run, consumer: string, partition: number, form: 'raw' | 'v3'): Promise<void> {
  for (let offset = 0; !run.stop.aborted; ) {
    const asked = offset;
    const outcome = await timed(
      run,
      partition,
      async () => {
        const fetched = await run.client.fetch(partition, asked, MAX_WAIT_MS, form);
        return fetched.is === 'ok'
          ? { ...fetched, records: once(run.read[partition]!, fetched.records) }
          : fetched;
      },
      (times, outcome) => ({ kind: 'fetch', ...times, offset: asked, consumer, outcome }),
    );
    if (outcome.is === 'ok') {
      run.recorded.fetchedRecords += outcome.records.length;
      offset = outcome.nextOffset;
    } else {
      await sleep(PAUSE_MS);
    }
  }
}

function once(
  read: Map<number, readonly [number, string]>,
  records: readonly (readonly [number, string])[],
): (readonly [number, string])[] {
  return records.map((record) => {
    const known = read.get(record[0]);
    if (known?.[1] === record[1]) return known;
    read.set(record[0], record);
    return record;
  });
}

async function readTails(run: Run): Promise<void> {
  while (!run.stop.aborted) {
    const partition = randomInt(run.partitions);
    const outcome = await timed(
      run,
      partition,
      () => run.client.bounds(partition),
      (times, outcome) => ({ kind: 'bounds', ...times, outcome }),
    );
    await sleep(outcome.is === 'ok' ? TAIL_PAUSE_MS : PAUSE_MS);
  }
}

interface Times {
  readonly partition: PartitionId;
  readonly invokedAtMs: number;
  readonly returnedAtMs: number;
  readonly via?: string;
}

async function timed<T>(
  run: Run,
  partition: number,
  call: () => Promise<T>,
  operation: (times: Times, outcome: T) => Operation,
): Promise<T> {
  const { operations } = run.recorded;
  const via = run.via();
  const invokedAtMs = performance.now();
  const outcome = await call();
  const times = {
    partition: partitionId(run.topic, partition),
    invokedAtMs,
    returnedAtMs: performance.now(),
  };
  operations.push(operation(via === undefined ? times : { ...times, via }, outcome));
  if (operations.length >= MAX_OPERATIONS || run.recorded.sentRecords >= MAX_RECORDS) run.full();
  return outcome;
}
