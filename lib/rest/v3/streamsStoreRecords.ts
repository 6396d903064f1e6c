import * as Type from '@sinclair/typebox/type';
import { WadiError } from '../../errors.ts';
import { jsonFrom } from '../../streams/queries/formats.ts';
import type { PlacedRow, Position } from '../../streams/queries/readStore.ts';
import { isStored, type Row } from '../../streams/queries/storeView.ts';
import type { StoreShape } from '../../streams/state/store.ts';
import type { HttpResponse } from '../operation.ts';
import { encodedBytes, JSON_TYPE, MAX_ANSWER_BYTES } from '../response.ts';
import { resourceSchema } from './resource.ts';

/** How what is in a store is told. Keys and values stand in an answer in words of their own, so it is put together as text. */

const positionSchema = {
  partition_id: Type.Integer(),
  offset: Type.Integer({
    description: 'The answer is of all that is below, in this partition of the changelog.',
  }),
};

const data = (description: string) => Type.Unknown({ description });
const key = data(
  "By the store's `key_format`: bytes in base64; what JSON or JavaScript has no number for (a long beyond 2^53, NaN, infinities) in a string.",
);
const value = data('By its `value_format`, in the same way.');
const timestamp_ms = Type.Optional(
  Type.Integer({ description: 'That of the record that made it so, if the store has it.' }),
);

export const KEY_KIND = 'KafkaStreamsStoreKey';

export const StoreKey = resourceSchema(KEY_KIND, {
  cluster_id: Type.String(),
  application_id: Type.String(),
  store_name: Type.String(),
  ...positionSchema,
  key,
  value: Type.Optional(Type.Unknown({ description: 'Of a key-value store, by its `value_format`.' })),
  timestamp_ms,
  windows: Type.Optional(
    Type.Array(Type.Object({ start_ms: Type.Integer(), end_ms: Type.Integer(), value, timestamp_ms }), {
      description: 'Of a window or session store.',
    }),
  ),
  is_truncated: Type.Optional(
    Type.Boolean({ description: 'There are earlier windows: ask for them with `to_ms`.' }),
  ),
});

export const RECORD_KIND = 'KafkaStreamsStoreRecord';

export const StoreRecordList = Type.Object(
  {
    kind: Type.Literal(`${RECORD_KIND}List`),
    metadata: Type.Object({ self: Type.String(), next: Type.Union([Type.String(), Type.Null()]) }),
    positions: Type.Array(Type.Object(positionSchema), { description: 'Of the partitions that were read.' }),
    data: Type.Array(
      Type.Object(
        {
          partition_id: Type.Integer(),
          start_ms: Type.Optional(Type.Integer({ description: 'Of a window or session.' })),
          end_ms: Type.Optional(Type.Integer()),
          ...{ key, value, timestamp_ms },
        },
        { title: RECORD_KIND },
      ),
    ),
  },
  { title: `${RECORD_KIND}List` },
);

export const positionData = ({ partition, offset }: Position) => ({ partition_id: partition, offset });

const keyText = ({ keyFormat }: StoreShape, { key }: Row): string => `"key":${jsonFrom(keyFormat, key)}`;

function valueText({ valueFormat }: StoreShape, { value, timestampMs, window }: Row): string {
  const times = window ? `"start_ms":${window.startMs},"end_ms":${window.endMs},` : '';
  const time = timestampMs === undefined ? '' : `,"timestamp_ms":${timestampMs}`;
  return `${times}"value":${jsonFrom(valueFormat, value)}${time}`;
}

/** Of rows of one key, at least one. Throws INVALID_RECORD, MESSAGE_TOO_LARGE. */
export function keyAnswer(
  head: object,
  shape: StoreShape,
  rows: readonly Row[],
  isTruncated: boolean,
): HttpResponse {
  const [first] = rows;
  const key = keyText(shape, first!);
  if (shape.kind === 'key-value') return answerOf(head, `${key},${valueText(shape, first!)}`);
  const windows = rows.map((row) => `{${valueText(shape, row)}}`).join(',');
  return answerOf(head, `${key},"windows":[${windows}],"is_truncated":${isTruncated}`);
}

/** The same. */
export function recordsAnswer(head: object, shape: StoreShape, rows: readonly PlacedRow[]): HttpResponse {
  const data = rows.map(
    ({ partition, row }) => `{"partition_id":${partition},${keyText(shape, row)},${valueText(shape, row)}}`,
  );
  return answerOf(head, `"data":[${data.join(',')}]`);
}

function answerOf(head: object, members: string): HttpResponse {
  const body = `${JSON.stringify(head).slice(0, -1)},${members}}`;
  const { bytes } = encodedBytes(body);
  if (bytes <= MAX_ANSWER_BYTES) return { status: 200, headers: { 'content-type': JSON_TYPE }, body };
  const message = `The answer takes ${bytes} bytes as JSON, more than ${MAX_ANSWER_BYTES}: ask for fewer at a time.`;
  throw new WadiError('MESSAGE_TOO_LARGE', message, { field: 'limit' });
}

const PARTITION_BYTES = 4;

/** Names the last row of a page. */
export function pageToken({ partition, row }: PlacedRow): string {
  const bytes = Buffer.alloc(PARTITION_BYTES + row.stored.length);
  bytes.writeUInt32BE(partition);
  bytes.set(row.stored, PARTITION_BYTES);
  return bytes.toString('base64url');
}

/** Throws INVALID_REQUEST for one that no page of the store has given. */
export function tokenPosition(shape: StoreShape, token: string): { partition: number; stored: Uint8Array } {
  const bytes = new Uint8Array(Buffer.from(token, 'base64url'));
  const stored = bytes.subarray(PARTITION_BYTES);
  if (bytes.length >= PARTITION_BYTES && isStored(shape, stored))
    return { partition: new DataView(bytes.buffer).getUint32(0), stored };
  throw new WadiError('INVALID_REQUEST', 'page_token is none that a page of this store has given.', {
    field: 'page_token',
  });
}
