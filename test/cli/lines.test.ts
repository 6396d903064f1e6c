import fc from 'fast-check';
import { lines, MAX_LINE_BYTES } from '../../lib/cli/lines.ts';

async function collect(chunks: readonly Uint8Array[]): Promise<Buffer[]> {
  const found: Buffer[] = [];
  async function* input() {
    yield* chunks;
  }
  for await (const some of lines(input())) found.push(...some);
  return found;
}

test('lines are the same wherever the input is cut', async () => {
  const byte = fc.constantFrom(0x0a, 0x0d, 0x61, 0xff);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(byte, { maxLength: 6 })), async (parts) => {
      const chunks = parts.map((part) => Uint8Array.from(part));
      const whole = Buffer.concat(chunks).toString('latin1');
      const expected = whole.split('\n');
      if (expected.at(-1) === '') expected.pop();
      expect((await collect(chunks)).map((line) => line.toString('latin1'))).toEqual(expected);
    }),
  );
});

test('a line longer than any record is refused while it is read', async () => {
  const half = new Uint8Array(MAX_LINE_BYTES / 2);
  expect(await collect([half, half])).toHaveLength(1);
  await expect(collect([half, half, new Uint8Array(1)])).rejects.toThrow(
    'A line is longer than 4194304 bytes',
  );
});
