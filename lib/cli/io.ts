import type { Readable, Writable } from 'node:stream';

/** Where a command reads and writes; `process` is one. */
export interface Io {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable & { readonly isTTY?: boolean };
}
