import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeBatch } from '../../record/encode.ts';
import type { RecordInput } from '../../record/record.ts';
import type { AppendOutcome, SentBatch } from '../../verify/history.ts';
import { isRefusal } from './client.ts';
import { fingerprint, recordOf } from './record.ts';
import type { Recorder } from './recorder.ts';

const MAX_BATCH_RECORDS = 20;
/** Of a hundred batches, so many are sent again although they were acknowledged, */
const SENT_AGAIN_PERCENT = 5;
/** so many, and the first, are followed by one that must be refused for the gap between their sequences, */
const REFUSED_PERCENT = 2;
const SEQUENCE_GAP = 1_000_000;
/** and so many hold a record that is long. */
const LONG_PERCENT = 2;
const MAX_WAIT_MS = 500;
const PAUSE_MS = 100;
const TAIL_READERS = 2;
const TAIL_PAUSE_MS = 20;
/** How long after the end an idempotent producer still asks what became of its last batch. */
const LAST_RETRIES_MS = 10_000;

export interface Load {
  readonly recorder: Recorder;
  readonly partitions: number;
  readonly producers: number;
  readonly consumers: number;
  /** Ends the load. */
  readonly stop: AbortSignal;
}

/** Resolves some time after `stop`: when all that was sent has been answered, or given up. */
export async function runLoad(load: Load): Promise<void> {
  const workers: Promise<void>[] = [];
  for (let i = 0; i < load.producers; i++) {
    if (i % 2 === 0) workers.push(produceIdempotently(load, `i${i}`));
    else workers.push(produceJson(load, `j${i}`, i % 4 === 1 ? 'v3' : 'v2'));
  }
  for (let i = 0; i < load.consumers; i++) workers.push(consume(load, i));
  for (let i = 0; i < TAIL_READERS; i++) workers.push(readTails(load));
  await Promise.all(workers);
}

/** That no server may take, since the batches between are missing. */
export function isOutOfOrder({ batches }: { readonly batches: readonly SentBatch[] }): boolean {
  return batches[0]!.idempotent && batches[0]!.sequence >= SEQUENCE_GAP;
}

async function produceIdempotently(load: Load, name: string): Promise<void> {
  const { recorder, partitions, stop } = load;
  const send = (partition: number, sent: SentBatch, bytes: Uint8Array) =>
    recorder.append('append as raw batch', partition, [sent], () =>
      recorder.client.appendBatch(partition, bytes),
    );
  for (let session = 0; !stop.aborted; session++) {
    const id = BigInt(`0x${randomBytes(6).toString('hex')}`);
    const producer = `${name}.${session}`;
    const sequences = new Array<number>(partitions).fill(0);
    // A refusal leaves it open what the next sequence is: go on as another producer.
    for (let refused = false, count = 0; !refused && !stop.aborted; ) {
      const partition = randomInt(partitions);
      const records = someRecords(producer, count);
      count += records.length;
      const sequence = sequences[partition]!;
      const bytes = encodeBatch(records, { producer: { id, epoch: 0, sequence } });
      const sent = { values: records.map(fingerprint), producer, sequence, idempotent: true };
      recorder.counts.sentRecords += records.length;
      const outcome = await untilKnown(stop, () => send(partition, sent, bytes));
      refused = outcome.is === 'failed';
      sequences[partition] = sequence + records.length;
      if (outcome.is !== 'ok') {
        await sleep(PAUSE_MS);
        continue;
      }
      recorder.counts.acknowledgedRecords += records.length;
      if (randomInt(100) < SENT_AGAIN_PERCENT) await send(partition, sent, bytes);
      if (sequence === 0 || randomInt(100) < REFUSED_PERCENT) {
        const gap = sequence + SEQUENCE_GAP;
        const record = recordOf(`${producer}-gap${count}`);
        const never = { values: [fingerprint(record)], producer, sequence: gap, idempotent: true };
        await send(partition, never, encodeBatch([record], { producer: { id, epoch: 0, sequence: gap } }));
      }
    }
  }
}

async function untilKnown(stop: AbortSignal, attempt: () => Promise<AppendOutcome>): Promise<AppendOutcome> {
  for (let giveUpAtMs = Infinity; ; ) {
    const outcome = await attempt();
    if (stop.aborted) giveUpAtMs = Math.min(giveUpAtMs, Date.now() + LAST_RETRIES_MS);
    const isKnown = outcome.is === 'ok' || (outcome.is === 'failed' && isRefusal(outcome.error));
    if (isKnown || Date.now() > giveUpAtMs) return outcome;
    await sleep(PAUSE_MS);
  }
}

/** Without idempotence, what may have been appended is not sent again. */
async function produceJson(load: Load, producer: string, form: 'v3' | 'v2'): Promise<void> {
  const { recorder, partitions, stop } = load;
  for (let count = 0; !stop.aborted; ) {
    const partition = randomInt(partitions);
    const records = someRecords(producer, count);
    const batches = records.map((record, i) => {
      return { values: [fingerprint(record)], producer, sequence: count + i, idempotent: false };
    });
    count += records.length;
    recorder.counts.sentRecords += records.length;
    const outcome = await recorder.append(`append as JSON ${form}`, partition, batches, () =>
      recorder.client.appendJson(partition, records, form),
    );
    if (outcome.is === 'ok') recorder.counts.acknowledgedRecords += records.length;
    else await sleep(PAUSE_MS);
  }
}

function someRecords(producer: string, from: number): RecordInput[] {
  const isLong = randomInt(100) < LONG_PERCENT;
  return Array.from({ length: randomInt(1, MAX_BATCH_RECORDS + 1) }, (_, i) =>
    recordOf(`${producer}-${from + i}`, isLong && i === 0),
  );
}

/** All partitions in turn, each where it stopped there. */
async function consume({ recorder, partitions, stop }: Load, number: number): Promise<void> {
  const offsets = new Array<number>(partitions).fill(0);
  const options = { maxWaitMs: MAX_WAIT_MS, consumer: `c${number}` };
  const form = number % 2 === 0 ? 'raw' : 'v3';
  for (let poll = number; !stop.aborted; poll++) {
    const partition = poll % partitions;
    const outcome = await recorder.fetch(form, partition, offsets[partition]!, options);
    if (outcome.is === 'ok') offsets[partition] = outcome.nextOffset;
    else await sleep(PAUSE_MS);
  }
}

async function readTails({ recorder, partitions, stop }: Load): Promise<void> {
  while (!stop.aborted) {
    const outcome = await recorder.bounds(randomInt(partitions));
    await sleep(outcome.is === 'ok' ? TAIL_PAUSE_MS : PAUSE_MS);
  }
}
