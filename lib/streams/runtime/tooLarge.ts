import { WadiError } from '../../errors.ts';
import { HEADER_BYTES } from '../../record/header.ts';
import { plainBatch } from '../../record/plainBatch.ts';
import type { RawRecord } from '../record.ts';

/** Of a batch, and of a record in it: more than all that has a length of its own. */
const FRAME_BYTES = HEADER_BYTES + 64;
const MAX_UTF8 = 3;

export const tooLarge = (topic: string, bytes: number, maxMessageBytes: number): WadiError =>
  new WadiError(
    'MESSAGE_TOO_LARGE',
    `A record for topic ${topic} takes ${bytes} bytes in a record batch, max.message.bytes is ${maxMessageBytes}.`,
  );

/** Why a topic does not take a record: MESSAGE_TOO_LARGE; `undefined` if it does. */
export function refusalOf(topic: string, record: RawRecord, maxMessageBytes: number): WadiError | undefined {
  const { key, value, headers } = record;
  let most = FRAME_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) most += 16 + header.key.length * MAX_UTF8 + (header.value?.length ?? 0);
  if (most <= maxMessageBytes) return undefined;
  const { length } = plainBatch([record]).bytes;
  return length <= maxMessageBytes ? undefined : tooLarge(topic, length, maxMessageBytes);
}
