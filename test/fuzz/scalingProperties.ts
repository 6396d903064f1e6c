import assert from 'node:assert/strict';
import fc from 'fast-check';
import { checkAnswer } from './answers.ts';
import { PARTITION_RECORDS, type Pieces, RAW_PIECES, TEXT_PIECES } from './pieces.ts';
import { cpuMs, fuzz, type Property } from './property.ts';
import { type HttpRequestParts, startService } from './service.ts';

/** What every request holds however many pieces it has: twice as many cost twice as much. */

interface Scaling {
  readonly pieces: Pieces;
  /** Of the most there may be: half of them are compared with all. */
  readonly fraction: number;
}

export const scalingProperty: Property<Scaling> = {
  name: 'scaling',
  share: 3,
  cases: 1,
  inputs: fc.noShrink(
    fc.record({
      pieces: fc.constantFrom(...RAW_PIECES, ...RAW_PIECES, ...TEXT_PIECES),
      fraction: fc.constantFrom(1, 1, 0.7, 0.4),
    }),
  ),
  show: ({ pieces: { name, max }, fraction }) => `${Math.floor(max * fraction)} ${name}`,
  check: checkScaling,
};

/** 2 is right, 4 is the square; the rest is the collector's, and the compiler's. */
const MAX_RATIO = 3;
const SLACK_MS = 60;
const ATTEMPTS = 3;
/** Nothing else that runs now and then takes so long. */
const CERTAIN_MS = 2_000;

/** Fails if it cost too much every time: now and then something else runs. */
export async function checkScaling({ pieces: { name, max, request }, fraction }: Scaling): Promise<void> {
  const count = Math.floor((max * fraction) / 2);
  const half = request(count);
  const whole = request(2 * count);
  const measured: string[] = [];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const halfMs = await serve(half);
    const wholeMs = await serve(whole);
    if (wholeMs <= MAX_RATIO * halfMs + SLACK_MS) return;
    measured.push(`${halfMs} and ${wholeMs} ms`);
    if (wholeMs > CERTAIN_MS) break;
  }
  assert.fail(`${count} and ${2 * count} ${name} took ${measured.join(', ')} of the processor`);
}

/** What it takes the processor to answer the request, and to give back what it left. */
async function serve(request: HttpRequestParts): Promise<number> {
  const service = await startService();
  const headers = { accept: 'application/json' };
  const query = 'max_records=10000&max_bytes=4194304';
  const fetch = { method: 'GET', path: PARTITION_RECORDS, query, headers, body: new Uint8Array(0) };
  const events = [request, fetch].map((request) => service.event(request));
  const before = process.cpuUsage();
  const answers = [];
  for (const event of events) answers.push(await service.call(event));
  const ms = cpuMs(before);
  for (const [i, answer] of answers.entries()) checkAnswer(answer, service.operationOf(events[i]!));
  return ms;
}

export const scalingFuzzes = [fuzz(scalingProperty)];
