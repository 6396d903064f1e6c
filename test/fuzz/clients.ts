import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { Reader, readRecordsBatch } from '@platformatic/kafka';
import { decodeBatch } from '../../lib/record/decode.ts';
import { readHeader } from '../../lib/record/header.ts';
import { plain } from '../record/support.ts';

interface KafkaJsBatch {
  readonly records: readonly {
    readonly offset: string;
    readonly timestamp: string;
    readonly key: Buffer | null;
    readonly value: Buffer | null;
  }[];
}
const require = createRequire(import.meta.url);
const kafkajs = {
  decode: require('kafkajs/src/protocol/recordBatch/v0/decoder.js') as (
    decoder: object,
  ) => Promise<KafkaJsBatch>,
  Decoder: require('kafkajs/src/protocol/decoder.js') as new (buffer: Buffer) => object,
};

/** Other clients read a batch as we do; of each, what it can read at all. */
export async function readByClients(batch: Uint8Array): Promise<void> {
  const header = readHeader(batch);
  const ours = decodeBatch(batch);
  const expected = ours.map(plain);

  // It leaves the batch's own timestamp to its caller.
  const read = readRecordsBatch(Reader.from(Buffer.from(batch)));
  assert.deepEqual(
    read.records.map(({ timestampDelta, key, value, headers }) =>
      plain({
        timestamp:
          header.timestampType === 'LogAppendTime'
            ? header.maxTimestamp
            : Number(read.firstTimestamp + timestampDelta),
        key,
        value,
        headers: headers.map(([key, value]) => ({ key: String(key), value })),
      }),
    ),
    expected,
    '@platformatic/kafka',
  );

  if (header.codec !== 'none' && header.codec !== 'gzip') return;
  const { records } = await kafkajs.decode(new kafkajs.Decoder(Buffer.from(batch)));
  // It makes an object of the headers, which loses some.
  assert.deepEqual(
    records.map(({ offset, timestamp, key, value }) => ({
      offset: Number(offset),
      ...plain({ timestamp: Number(timestamp), key, value, headers: [] }),
    })),
    ours.map((record) => ({ offset: record.offset, ...plain({ ...record, headers: [] }) })),
    'kafkajs',
  );
}
