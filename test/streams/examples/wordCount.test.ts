import { readFileSync } from 'node:fs';
import wordCount from '../../../lib/streams/examples/wordCount.ts';
import { Serdes, TopologyTestDriver } from '../../../lib/streams/index.ts';

const { string } = Serdes;

test('each word of a real text is counted as often as it is there', () => {
  const text = readFileSync('node_modules/fast-check/README.md', 'utf8');
  const driver = new TopologyTestDriver(wordCount.topology);
  const lines = driver.createInputTopic('lines', string, string);
  for (const line of text.split('\n')) lines.pipeInput(null, line);
  const told = new Map(driver.createOutputTopic('words', string, string).readKeyValues());

  const expected = new Map<string, number>();
  for (const word of text.toLowerCase().split(/\P{L}+/u))
    if (word !== '') expected.set(word, (expected.get(word) ?? 0) + 1);
  expect(expected.size).toBeGreaterThan(500);
  expect(told).toEqual(new Map([...expected].map(([word, count]) => [word, String(count)])));
});
