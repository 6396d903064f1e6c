import { KAFKA_ERRORS } from '../../errors.ts';
import { decodeBatches } from '../../record/decode.ts';
import type { RecordInput } from '../../record/record.ts';
import { RECORD_BATCH_TYPE } from '../../rest/records/recordBatchType.ts';
import type { AppendOutcome, Bounds, FetchOutcome } from '../../verify/history.ts';
import { fingerprint } from './record.ts';

/** Longer than the 30 s that API Gateway waits. */
const TIMEOUT_MS = 40_000;
const MAX_FETCH_BYTES = 1024 * 1024;
const MAX_FETCH_RECORDS = 2_000;

/** Requests for one topic, each sent once and told as what a history says of it; none of them throws. */
export interface TopicClient {
  /** Record batches, as bytes. */
  appendBatch(partition: number, batch: Uint8Array): Promise<AppendOutcome>;
  /** Of `offsets`, there is one for each record. */
  appendJson(partition: number, records: readonly RecordInput[], form: 'v3' | 'v2'): Promise<AppendOutcome>;
  fetch(partition: number, offset: number, maxWaitMs: number, form: 'raw' | 'v3'): Promise<FetchOutcome>;
  bounds(partition: number): Promise<Bounds['outcome']>;
}

/** `root`: where the API is served now. */
export function topicClient(root: () => string, clusterId: string, topic: string): TopicClient {
  const at = (partition: number) =>
    `${root()}/v3/clusters/${clusterId}/topics/${encodeURIComponent(topic)}/partitions/${partition}`;
  const atV2 = (partition: number) => `${root()}/topics/${encodeURIComponent(topic)}/partitions/${partition}`;

  return {
    async appendBatch(partition, batch) {
      const answer = await call(`${at(partition)}/records`, post(RECORD_BATCH_TYPE, Buffer.from(batch)));
      return appended(answer, 1, (text) => {
        const { offset, log_start_offset } = JSON.parse(text) as Record<
          'offset' | 'log_start_offset',
          number
        >;
        return { is: 'ok', offsets: [offset], logStartOffset: log_start_offset };
      });
    },

    async appendJson(partition, records, form) {
      const answer =
        form === 'v3'
          ? await call(`${at(partition)}/records`, post('application/json', v3Body(records)))
          : await call(atV2(partition), post('application/vnd.kafka.binary.v2+json', v2Body(records)));
      return appended(answer, records.length, (text) => {
        const results = (
          form === 'v3' ? text.split('\n').map((line) => JSON.parse(line)) : JSON.parse(text).offsets
        ) as RecordResult[];
        const failed = results.find(({ offset }) => !Number.isSafeInteger(offset));
        if (failed === undefined) return { is: 'ok', offsets: results.map(({ offset }) => offset!) };
        // REST Proxy's codes are the status, or the status and two more digits.
        return refused(Number(String(failed.error_code).slice(0, 3)), failed);
      });
    },

    async fetch(partition, offset, maxWaitMs, form) {
      const query = `offset=${offset}&max_wait_ms=${maxWaitMs}&max_bytes=${MAX_FETCH_BYTES}`;
      const url = `${at(partition)}/records?${query}`;
      const answer =
        form === 'raw'
          ? await call(url, { headers: { accept: RECORD_BATCH_TYPE } })
          : await call(`${url}&max_records=${MAX_FETCH_RECORDS}&format=string`, {});
      if (answer.status !== 200) return { is: 'failed', error: errorOf(answer) };
      return form === 'raw' ? rawPage(answer, offset) : jsonPage(answer);
    },

    async bounds(partition) {
      const answer = await call(`${at(partition)}/offset`, {});
      if (answer.status !== 200) return { is: 'failed', error: errorOf(answer) };
      const { earliest_offset, latest_offset } = (parse(answer) ?? {}) as Record<string, number>;
      return ok({ logStartOffset: Number(earliest_offset), highWatermark: Number(latest_offset) });
    },
  };
}

/** That no request should get that is as it has to be: what changes by itself is none, such as too much at once. */
export function isRefusal(error: string | undefined): boolean {
  const status = Number.parseInt(error ?? '', 10);
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}

interface Answer {
  /** 0: none came. */
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
  readonly error?: string;
}

interface RecordResult {
  readonly offset?: number;
  readonly error_code?: number;
  readonly kafka_error_code?: number;
}

async function call(url: string, init: RequestInit): Promise<Answer> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
    const body = Buffer.from(await response.arrayBuffer());
    return { status: response.status, headers: response.headers, body };
  } catch (error) {
    // Whatever it was, there is no telling what became of the request.
    const { name, cause } = error as Error & { cause?: { code?: string } };
    return { status: 0, headers: new Headers(), body: Buffer.alloc(0), error: cause?.code ?? name };
  }
}

function post(type: string, body: string | Buffer<ArrayBuffer>): RequestInit {
  return { method: 'POST', headers: { 'content-type': type }, body };
}

function v3Body(records: readonly RecordInput[]): string {
  return records
    .map(({ timestamp, key, value, headers }) =>
      JSON.stringify({
        timestamp: new Date(timestamp).toISOString(),
        key: { type: 'BINARY', data: base64(key) },
        value: { type: 'STRING', data: Buffer.from(value!).toString() },
        headers: headers.map((header) => ({ name: header.key, value: base64(header.value) })),
      }),
    )
    .join('\n');
}

function v2Body(records: readonly RecordInput[]): string {
  return JSON.stringify({
    records: records.map(({ timestamp, key, value, headers }) => ({
      timestamp,
      key: base64(key),
      value: base64(value),
      headers: headers.map((header) => ({ key: header.key, value: base64(header.value) })),
    })),
  });
}

function base64(bytes: Uint8Array | null): string | null {
  return bytes && Buffer.from(bytes).toString('base64');
}

function appended(answer: Answer, count: number, read: (text: string) => AppendOutcome): AppendOutcome {
  if (answer.status !== 200) return refused(answer.status, parse(answer) as RecordResult, answer.error);
  try {
    const outcome = read(answer.body.toString());
    const whole =
      outcome.is !== 'ok' || (outcome.offsets.length === count && outcome.offsets.every(isOffset));
    if (whole) return outcome;
  } catch {
    // Not what the API answers: below.
  }
  return { is: 'unknown', error: MALFORMED };
}

/** A refusal changed nothing, but for one that says that the batch had been appended long ago. */
function refused(status: number, body: RecordResult | undefined, noAnswer?: string): AppendOutcome {
  const error = noAnswer ?? `${status} ${body?.error_code ?? ''}`.trimEnd();
  const isThere = body?.kafka_error_code === KAFKA_ERRORS.DUPLICATE_SEQUENCE_NUMBER.code;
  return { is: status >= 400 && status < 500 && status !== 408 && !isThere ? 'failed' : 'unknown', error };
}

/** Records that cannot be decoded are not there; that they should be, the next offset says. */
function rawPage({ headers, body }: Answer, offset: number): FetchOutcome {
  const records: [number, string][] = [];
  try {
    for (const record of decodeBatches(body, { fromOffset: offset })) {
      records.push([record.offset, fingerprint(record)]);
    }
  } catch {}
  const header = (name: string) => Number(headers.get(name) ?? Number.NaN);
  return page(
    records,
    header('wadi-next-offset'),
    header('wadi-high-watermark'),
    header('wadi-log-start-offset'),
  );
}

interface JsonPage {
  readonly records: readonly JsonRecord[];
  readonly next_offset: number;
  readonly high_watermark: number;
  readonly log_start_offset: number;
}

interface JsonRecord {
  readonly offset: number;
  readonly timestamp_ms: number;
  readonly key: JsonData;
  readonly value: JsonData;
  readonly headers: readonly { readonly name: string; readonly value: string | null }[];
}

type JsonData = { readonly type: string; readonly data: string } | null;

function jsonPage(answer: Answer): FetchOutcome {
  try {
    const body = JSON.parse(answer.body.toString()) as JsonPage;
    const records = body.records.map((record) => [record.offset, fingerprint(read(record))] as const);
    return page(records, body.next_offset, body.high_watermark, body.log_start_offset);
  } catch {
    return { is: 'failed', error: MALFORMED };
  }
}

function read({ timestamp_ms, key, value, headers }: JsonRecord): RecordInput {
  return {
    timestamp: timestamp_ms,
    key: bytesOf(key),
    value: bytesOf(value),
    headers: headers.map((header) => ({
      key: header.name,
      value: header.value === null ? null : Buffer.from(header.value, 'base64'),
    })),
  };
}

function bytesOf(part: JsonData): Uint8Array | null {
  return part && Buffer.from(part.data, part.type === 'BINARY' ? 'base64' : 'utf8');
}

function page(
  records: readonly (readonly [number, string])[],
  nextOffset: number,
  highWatermark: number,
  logStartOffset: number,
): FetchOutcome {
  const bounds = ok({ logStartOffset, highWatermark });
  return bounds.is === 'ok' && isOffset(nextOffset)
    ? { ...bounds, records, nextOffset }
    : { is: 'failed', error: MALFORMED };
}

function ok(bounds: { logStartOffset: number; highWatermark: number }): Bounds['outcome'] {
  return isOffset(bounds.logStartOffset) && isOffset(bounds.highWatermark)
    ? { is: 'ok', ...bounds }
    : { is: 'failed', error: MALFORMED };
}

/** Of a 200. */
export const MALFORMED = 'malformed answer';

function isOffset(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function errorOf(answer: Answer): string {
  return (
    answer.error ??
    `${answer.status} ${(parse(answer) as RecordResult | undefined)?.error_code ?? ''}`.trimEnd()
  );
}

function parse({ body }: Answer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
