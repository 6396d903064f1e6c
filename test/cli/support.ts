import { PassThrough, Readable, Writable } from 'node:stream';
import { runCli } from '../../lib/cli/runCli.ts';

export interface Ran {
  readonly code: number;
  readonly out: Buffer;
  readonly err: string;
}

/** Runs the command line in this process against `url`. */
export async function run(
  url: string,
  args: readonly string[],
  input: Readable | string | Buffer = '',
): Promise<Ran> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const collect = (chunks: Buffer[]) =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        chunks.push(chunk);
        done();
      },
    });
  const stdin =
    input instanceof Readable ? input : Readable.from(input.length > 0 ? [Buffer.from(input)] : []);
  const code = await runCli([...args, '--url', url], { stdin, stdout: collect(out), stderr: collect(err) });
  return { code, out: Buffer.concat(out), err: Buffer.concat(err).toString() };
}

/** Input that comes when the test writes it. */
export const openInput = (): PassThrough => new PassThrough();
