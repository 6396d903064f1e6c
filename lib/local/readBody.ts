import type { IncomingMessage } from 'node:http';
import { MAX_BODY_BYTES } from '../rest/request.ts';

/** How much of a body that is too large is read and dropped, so that its sender gets to read the answer. */
const MAX_DROPPED_BYTES = 16 * 1024 * 1024;

/** Of a body that comes in chunks of unknown number. */
const FIRST_GUESS_BYTES = 64 * 1024;
const EMPTY = new Uint8Array(0);

/** The whole body; `undefined` if it is larger than MAX_BODY_BYTES. Rejects if the client goes away before its end. */
export function readBody(request: IncomingMessage): Promise<Uint8Array | undefined> | Uint8Array {
  const { headers } = request;
  const announced = headers['content-length'];
  if (announced === undefined && headers['transfer-encoding'] === undefined) return EMPTY;
  // Who asks before he sends is told before he has sent.
  if (headers.expect !== undefined && Number(announced) > MAX_BODY_BYTES) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    // Chunks are copied as they come, so that they are garbage while they are young: the collector pays for old ones.
    let body: Buffer = Buffer.allocUnsafe(Math.min(Number(announced ?? FIRST_GUESS_BYTES), MAX_BODY_BYTES));
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      const end = length + chunk.length;
      if (end > MAX_DROPPED_BYTES) resolve(undefined);
      if (end > body.length && end <= MAX_BODY_BYTES) body = grown(body, end);
      if (end <= body.length) chunk.copy(body, length);
      length = end;
    });
    request.on('end', () => resolve(length > MAX_BODY_BYTES ? undefined : body.subarray(0, length)));
    request.on('error', reject);
  });
}

function grown(body: Buffer, atLeast: number): Buffer {
  const larger = Buffer.allocUnsafe(Math.min(Math.max(2 * body.length, atLeast), MAX_BODY_BYTES));
  body.copy(larger);
  return larger;
}
