import { randomBytes } from 'node:crypto';
import { encodeBatch } from '../../record/encode.ts';
import type { AppendOutcome } from '../../verify/history.ts';
import { insist } from './insist.ts';
import { fingerprint, recordOf } from './record.ts';
import { CLIENT_KINDS, type ClientKind, type Recorder } from './recorder.ts';

/** For each request to succeed, */
const PATIENCE_MS = 15_000;
/** and for all of them. */
const TOTAL_MS = 30_000;
const AT_ONCE = 8;

interface Outcome {
  readonly is: string;
  readonly error?: string;
}

/** What one kind of client asks of a partition, as often as it takes. */
type Attempts = (partition: number) => () => Promise<Outcome>;

/** One request of each kind for each partition, repeated until it succeeds: those that do not are told. */
export async function probe(recorder: Recorder, partitions: number, stop: AbortSignal): Promise<string[]> {
  const untilMs = performance.now() + TOTAL_MS;
  const attempts = attemptsBy(recorder);
  const failures: string[] = [];
  for (const kind of CLIENT_KINDS) {
    let next = 0;
    let failed = false;
    const work = async () => {
      // One partition that does not answer is enough.
      while (next < partitions && !failed && !stop.aborted && performance.now() < untilMs) {
        const partition = next++;
        const patienceMs = Math.min(PATIENCE_MS, untilMs - performance.now());
        const outcome = await insist(attempts[kind](partition), patienceMs, stop);
        if (outcome.is === 'ok' || failed || stop.aborted) continue;
        failed = true;
        failures.push(`${kind}, partition ${partition}, after the load: ${outcome.error}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }
  return failures;
}

function attemptsBy(recorder: Recorder): Record<ClientKind, Attempts> {
  const { client } = recorder;
  /** By partition, the offset of the last record that was appended here. */
  const appended = new Map<number, number>();
  const last = (partition: number) => appended.get(partition) ?? 0;
  let records = 0;

  async function append(partition: number, outcome: Promise<AppendOutcome>): Promise<Outcome> {
    const known = await outcome;
    if (known.is === 'ok') appended.set(partition, known.offsets[0]!);
    return known;
  }
  const appendBatch: Attempts = (partition) => {
    const record = recordOf(`p-raw-${partition}`);
    const id = BigInt(`0x${randomBytes(6).toString('hex')}`);
    const bytes = encodeBatch([record], { producer: { id, epoch: 0, sequence: 0 } });
    const sent = { values: [fingerprint(record)], producer: `p-raw-${id}`, sequence: 0, idempotent: true };
    const send = () => client.appendBatch(partition, bytes);
    return () => append(partition, recorder.append('append as raw batch', partition, [sent], send));
  };
  const appendJson =
    (form: 'v3' | 'v2'): Attempts =>
    // What may have been appended is not sent again: each attempt has a record of its own.
    (partition) =>
    () => {
      const sequence = records++;
      const producer = `p-${form}`;
      const record = recordOf(`${producer}-${sequence}`);
      const sent = { values: [fingerprint(record)], producer, sequence, idempotent: false };
      const send = () => client.appendJson(partition, [record], form);
      return append(partition, recorder.append(`append as JSON ${form}`, partition, [sent], send));
    };
  const fetch =
    (form: 'raw' | 'v3'): Attempts =>
    (partition) =>
    async () => {
      const offset = last(partition);
      const outcome = await recorder.fetch(form, partition, offset);
      const isThere = outcome.is !== 'ok' || outcome.records[0]?.[0] === offset;
      return isThere ? outcome : { is: 'failed', error: `no record at offset ${offset}` };
    };
  const bounds: Attempts = (partition) => async () => {
    const outcome = await recorder.bounds(partition);
    const isBehind =
      outcome.is === 'ok' && appended.has(partition) && outcome.highWatermark <= last(partition);
    return isBehind ? { is: 'failed', error: `high watermark ${outcome.highWatermark}` } : outcome;
  };
  return {
    'append as raw batch': appendBatch,
    'append as JSON v3': appendJson('v3'),
    'append as JSON v2': appendJson('v2'),
    'fetch of raw batches': fetch('raw'),
    'fetch of JSON': fetch('v3'),
    bounds,
  };
}
