import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { createLog } from '../../lib/log/createLog.ts';
import type { AppendResult, Log, LogTopic } from '../../lib/log/log.ts';
import { decodeBatch } from '../../lib/record/decode.ts';
import { encodeBatch } from '../../lib/record/encode.ts';
import { readHeader } from '../../lib/record/header.ts';
import type { ValidBatch } from '../../lib/record/record.ts';
import type { Storage } from '../../lib/storage/ports.ts';
import type { SentKey } from '../../lib/verify/history.ts';

export interface TestProducer {
  id: bigint;
  epoch: number;
  sequence: number;
}

/** A batch whose records' values are the given texts; what would be a tombstone's is in a header. */
export function batch(
  values: string[],
  options: { producer?: TestProducer; timestamp?: number; keys?: readonly SentKey[] } = {},
): ValidBatch {
  const timestamp = options.timestamp ?? 1_000;
  const records = values.map((text, i) => {
    const { key, isTombstone } = options.keys?.[i] ?? { key: undefined, isTombstone: false };
    const value = Buffer.from(text);
    return {
      timestamp,
      key: key === undefined ? null : Buffer.from(key),
      value: isTombstone ? null : value,
      headers: isTombstone ? [{ key: 'instead', value }] : [],
    };
  });
  const bytes = encodeBatch(records, options.producer ? { producer: options.producer } : {});
  return { bytes, recordCount: values.length, maxTimestamp: timestamp, producer: options.producer };
}

export async function newTopic(log: Log, partitions = 1, partitionsPerHead = 16): Promise<LogTopic> {
  const topic = { id: randomUUID(), name: 'orders', partitions, partitionsPerHead };
  await log.createHeads(topic, 0, partitions);
  return topic;
}

/** One process of many that share a storage. */
export function startLog(storage: Storage, clock: Clock = systemClock): Log {
  return createLog({ storage, clock });
}

/** The offset of the first record of a batch that must have been appended. */
export async function append(
  log: Log,
  topic: LogTopic,
  partition: number,
  ...batches: ValidBatch[]
): Promise<number> {
  const [result] = await log.append(topic, [{ partition, batches }]);
  return offsetOf(result!);
}

export function offsetOf(result: AppendResult): number {
  if (!result.ok) throw result.error;
  return result.offsets[0]!;
}

/** Everything in a partition, as [offset, value], read in as many fetches as it takes. */
export async function readAll(
  log: Log,
  topic: LogTopic,
  partition = 0,
  options: { from?: number; maxBytes?: number } = {},
): Promise<[number, string][]> {
  const found: [number, string][] = [];
  let offset = options.from ?? 0;
  for (;;) {
    const request = { partition, offset, maxBytes: options.maxBytes ?? 1 << 20, minBytes: 0, maxWaitMs: 0 };
    const result = await log.fetch(topic, request);
    if (result.nextOffset === offset) return found;
    found.push(...valuesOf(result.bytes).filter(([at]) => at >= offset));
    offset = result.nextOffset;
  }
}

export function valuesOf(bytes: Uint8Array): [number, string][] {
  const values: [number, string][] = [];
  for (let position = 0; position < bytes.length; ) {
    const header = readHeader(bytes, position);
    for (const record of decodeBatch(bytes.subarray(position, position + header.bytes))) {
      const value = record.value ?? record.headers[0]?.value ?? [];
      values.push([record.offset, Buffer.from(value).toString()]);
    }
    position += header.bytes;
  }
  return values;
}

/** A clock that tests move, and that never waits. */
export function testClock(start = 1_000_000): Clock & { advance(ms: number): void } {
  let now = start;
  return {
    now: () => now,
    async sleep(ms) {
      now += ms;
      await systemClock.sleep(0);
    },
    random: systemClock.random,
    advance(ms) {
      now += ms;
    },
  };
}
