import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FAULTS, SITUATIONS } from './faults.ts';
import { staleMutations } from './mutations.ts';
import { play, violated } from './run.ts';
import { type Scenario, scenarioOf } from './scenario.ts';

/** New ones each time: some 20 seconds of two cores. */
const HISTORIES = 500;

const seeds = new URL('seeds/', import.meta.url);

test.each(readdirSync(seeds))('a scenario that failed once holds: %s', async (name) => {
  const scenario = JSON.parse(readFileSync(new URL(name, seeds), 'utf8')) as Scenario;
  expect(violated(await play(scenario))).toEqual([]);
});

test('in new histories every property holds, while every fault strikes and every situation comes up that is not rare', async () => {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const { code, output } = await run([main, '--runs', String(HISTORIES), '--workers', '2']);
  // The output tells the seed.
  expect({ code, output }).toEqual({
    code: 0,
    output: expect.stringContaining('Every property held in every history.'),
  });
  const { pollUsedUp: _rare, inSync: _rarer, ...situations } = SITUATIONS;
  const texts = [...Object.values(FAULTS).map(({ text }) => text), ...Object.values(situations)];
  for (const text of texts) expect(output).toMatch(new RegExp(`^${text} +[1-9]`, 'm'));
}, 240_000);

test('the same seed gives the same run, event by event; another gives another', async () => {
  const events: string[][] = [];
  for (const seed of [7, 7, 8]) {
    const lines: string[] = [];
    await play(scenarioOf(seed), (line) => lines.push(line));
    events.push(lines);
  }
  expect(events[0]!.length).toBeGreaterThan(100);
  expect(events[1]).toEqual(events[0]);
  expect(events[2]).not.toEqual(events[0]);
});

test('every mutation fits the code as it is', () => {
  expect(staleMutations()).toEqual([]);
});

function run(args: string[]): Promise<{ code: unknown; output: string }> {
  return new Promise((resolve) => {
    const options = { maxBuffer: 64 * 1024 * 1024 };
    execFile(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], options, (error, stdout) =>
      resolve({ code: error?.code ?? 0, output: stdout }),
    );
  });
}
