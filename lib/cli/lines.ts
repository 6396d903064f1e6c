import { CliError } from './cliError.ts';

const NEWLINE = 0x0a;
/** More than any topic takes in one record. */
export const MAX_LINE_BYTES = 4 * 1024 * 1024;

/**
 * The lines of `input` without their newlines, byte for byte: an array with each chunk that ends at least one. What
 * follows the last newline is a line too, if there is anything.
 */
export async function* lines(input: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer[]> {
  let rest: Uint8Array[] = [];
  for await (const chunk of input) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const found: Buffer[] = [];
    let from = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      const part = bytes.subarray(from, end);
      found.push(rest.length === 0 ? part : Buffer.concat([...rest, part]));
      rest = [];
      from = end + 1;
    }
    if (found.length > 0) yield found;
    if (from < bytes.length) rest.push(bytes.subarray(from));
    if (rest.reduce((sum, part) => sum + part.length, 0) > MAX_LINE_BYTES) {
      throw new CliError(`A line is longer than ${MAX_LINE_BYTES} bytes`);
    }
  }
  if (rest.length > 0) yield [Buffer.concat(rest)];
}
