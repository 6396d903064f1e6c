import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** New ones each time: some seconds of two cores. */
const HISTORIES = 60;
const STRIKES = [
  'a request is lost',
  'a request lands late, after its caller gave up',
  'a copy of a write lands late, after the other was answered',
  'a process is killed between two storage calls',
  'a process is frozen and woken',
  'a clock is minutes off',
  'a request is served twice',
];
const RULES = [
  'a step is appended when it is committed, not before',
  'changes of state are of the step, and committed with it',
  'each lease has an epoch of its own',
];

test('whatever befalls workers, outputs and stores are what the inputs make of them, each once', async () => {
  const { code, output } = await simulate('--theme', 'streams', '--runs', String(HISTORIES));
  // The output tells the seed.
  expect({ code, output }).toEqual({
    code: 0,
    output: expect.stringContaining('Every property held in every history.'),
  });
  for (const text of STRIKES) expect(output).toMatch(new RegExp(`^${text} +[1-9]`, 'm'));
}, 120_000);

test.each(RULES)(
  'it would be noticed if it were not so: %s',
  async (rule) => {
    const { output } = await simulate('--mutations', '--only', rule, '--seed', '1', '--max-runs', '100');
    expect(output).toContain('Every mutation was noticed.');
  },
  120_000,
);

function simulate(...args: string[]): Promise<{ code: unknown; output: string }> {
  const main = fileURLToPath(new URL('../main.ts', import.meta.url));
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', main, '--workers', '2', ...args],
      (error, stdout) => resolve({ code: error?.code ?? 0, output: stdout }),
    );
  });
}
