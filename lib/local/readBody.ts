import type { IncomingMessage } from 'node:http';
import { MAX_BODY_BYTES } from '../rest/request.ts';

/** How much of a body that is too large is read and dropped, so that its sender gets to read the answer. */
const MAX_DROPPED_BYTES = 16 * 1024 * 1024;

const EMPTY = new Uint8Array(0);

/** The whole body; `undefined` if it is larger than MAX_BODY_BYTES. Rejects if the client goes away before its end. */
export function readBody(request: IncomingMessage): Promise<Uint8Array | undefined> | Uint8Array {
  const { headers } = request;
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return EMPTY;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= MAX_BODY_BYTES) {
        chunks.push(chunk);
      } else {
        chunks.length = 0;
        if (length > MAX_DROPPED_BYTES) resolve(undefined);
      }
    });
    request.on('end', () => {
      if (length > MAX_BODY_BYTES) resolve(undefined);
      else resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length));
    });
    request.on('error', reject);
  });
}
