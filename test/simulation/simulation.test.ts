import { randomInt } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { staleMutations } from './mutations.ts';
import { play, type Run, violated } from './run.ts';
import { type Scenario, scenarioOf } from './scenario.ts';

/** With what `npm run simulate` runs besides, a minute of a developer's patience. */
const HISTORIES = 300;
const BATCHES = 6;

function complaints(run: Run): string[] {
  return violated(run).flatMap(({ property, violations }) =>
    violations.map((line) => `${property}: ${line}`),
  );
}

const seeds = new URL('seeds/', import.meta.url);

test.each(readdirSync(seeds))('a scenario that failed once, %s, holds', async (name) => {
  const scenario = JSON.parse(readFileSync(new URL(name, seeds), 'utf8')) as Scenario;
  expect(complaints(await play(scenario))).toEqual([]);
});

test.each(Array.from({ length: BATCHES }, () => randomInt(2 ** 32)))(
  'in new histories, from seed %i on, every property holds',
  async (first) => {
    for (let seed = first; seed < first + HISTORIES / BATCHES; seed++) {
      const again = `npm run simulate -- --seed ${seed}`;
      expect({ again, complaints: complaints(await play(scenarioOf(seed))) }).toEqual({
        again,
        complaints: [],
      });
    }
  },
);

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
