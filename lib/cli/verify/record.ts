import { randomBytes, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { RecordInput } from '../../record/record.ts';

const MAX_FILLER_BYTES = 40_000;
const MAX_ID_BYTES = 64;

/** A record whose value begins with `id`, up to a space. Keys and headers are there or not, text or any bytes. */
export function recordOf(id: string, long = false): RecordInput {
  const filler = randomBytes(long ? randomInt(MAX_FILLER_BYTES) : randomInt(20)).toString('hex');
  return {
    timestamp: Date.now(),
    key: [null, Buffer.from(`key ${randomInt(100)}`), randomBytes(8)][randomInt(3)]!,
    value: Buffer.from(`${id} ${filler}`),
    headers:
      randomInt(4) > 0
        ? []
        : [
            { key: 'trace', value: randomBytes(8) },
            { key: 'none', value: null },
          ],
  };
}

/** What a history says for a record: `<id>#<bytes of the value>#<CRC of key, value, headers and timestamp>`. */
export function fingerprint({ timestamp, key, value, headers }: RecordInput): string {
  const bytes = [key, value, ...headers.map((header) => header.value)];
  // Else bytes that moved from one field to the next would not be noticed.
  const shape = [timestamp, headers.map((header) => header.key), bytes.map((some) => some?.length ?? -1)];
  let crc = crc32(JSON.stringify(shape));
  for (const some of bytes) if (some !== null) crc = crc32(some, crc);
  const begin = Buffer.from(value?.subarray(0, MAX_ID_BYTES) ?? []).toString();
  return `${begin.split(' ', 1)[0]}#${value?.length ?? 0}#${crc.toString(16)}`;
}
