import { randomInt } from 'node:crypto';
import type { FetchOutcome, FinalPartition } from '../../verify/history.ts';
import { insist } from './insist.ts';
import type { Recorder } from './recorder.ts';

/** For how long one request may fail. */
const PATIENCE_MS = 30_000;

/** Neither: it was stopped. */
export interface FinalRead {
  readonly final?: FinalPartition;
  /** Where reading ended, and what the answer was. */
  readonly problem?: string;
}

/**
 * Reads everything that is there of a partition that nobody appends to any more, and a sample of it as JSON. What was read
 * before a problem is in the recorder's operations.
 */
export async function readFinal(
  recorder: Recorder,
  partition: number,
  stop: AbortSignal,
): Promise<FinalRead> {
  const failure = (what: string, outcome: { readonly is: string; readonly error?: string }): FinalRead =>
    stop.aborted ? {} : { problem: `partition ${partition} ${what}: ${outcome.error}` };

  const bounds = await insist(() => recorder.bounds(partition), PATIENCE_MS, stop);
  if (bounds.is !== 'ok') return failure('from its beginning on', bounds);

  const records: (readonly [number, string])[] = [];
  let fetched: Extract<FetchOutcome, { is: 'ok' }>;
  for (let next = bounds.logStartOffset; ; next = records.at(-1)![0] + 1) {
    if (stop.aborted) return {};
    const outcome = await insist(() => recorder.fetch('raw', partition, next), PATIENCE_MS, stop);
    if (outcome.is !== 'ok') return failure(`from offset ${next} on`, outcome);
    fetched = outcome;
    for (const record of outcome.records) records.push(record);
    // An answer without records is the end, even if it says that there is more: that is then what is wrong.
    if (outcome.records.length === 0 || outcome.nextOffset >= outcome.highWatermark) break;
  }
  const { logStartOffset, highWatermark } = fetched;
  const final = { logStartOffset, highWatermark, records };

  if (records.length === 0) return { final };
  for (const [offset] of [records[0]!, records[randomInt(records.length)]!, records.at(-1)!]) {
    const outcome = await insist(() => recorder.fetch('v3', partition, offset), PATIENCE_MS, stop);
    if (outcome.is !== 'ok') return { final, ...failure(`as JSON from offset ${offset} on`, outcome) };
  }
  return { final };
}
