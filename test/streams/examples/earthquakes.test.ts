import earthquakes from '../../../lib/streams/examples/earthquakes.ts';
import { Serdes, TopologyTestDriver } from '../../../lib/streams/index.ts';
import { seeded } from '../../simulation/random.ts';
import { aftershocks, MINUTE, type Quake, readQuakes, sortedRecords, swarms } from './earthquakeOracle.ts';

const { string, json } = Serdes;

function told(quakes: readonly Quake[]) {
  const driver = new TopologyTestDriver(earthquakes.topology);
  const feed = driver.createInputTopic('earthquakes', string, json<Quake>());
  for (const quake of quakes) feed.pipeInput(null, quake);
  const of = (topic: string) => driver.createOutputTopic(topic, string, json()).readKeyValues();
  return { swarms: sortedRecords(of('swarms')), aftershocks: sortedRecords(of('aftershocks')), driver };
}

test('swarms and aftershocks of a week of real earthquakes are those that the data has', () => {
  const quakes = readQuakes();
  const found = told(quakes);
  expect(found.swarms.length).toBeGreaterThan(20);
  expect(found.aftershocks.length).toBeGreaterThan(20);
  expect(found.swarms).toEqual(sortedRecords(swarms(quakes, () => 0)));
  expect(found.aftershocks).toEqual(sortedRecords(aftershocks(quakes)));
  expect(found.driver.droppedRecords).toBe(0);
});

test('a feed that tells of quakes up to ten minutes late, and so out of order, comes to the same', () => {
  const quakes = readQuakes();
  const random = seeded(1);
  const late = quakes
    .map((quake) => ({ quake, toldMs: quake.properties.time + random.below(10 * MINUTE) }))
    .toSorted((a, b) => a.toldMs - b.toldMs)
    .map(({ quake }) => quake);
  expect(late).not.toEqual(quakes);
  const found = told(late);
  expect(found.swarms).toEqual(sortedRecords(swarms(quakes, () => 0)));
  expect(found.aftershocks).toEqual(sortedRecords(aftershocks(quakes)));
});
