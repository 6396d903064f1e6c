import type { Durability } from '../../lib/log/log.ts';
import type { Topic } from '../../lib/topic/topic.ts';
import type { Wadi } from '../../lib/wadi.ts';
import { batch, offsetOf } from '../support/log.ts';
import { large, newTopic, world } from './support.ts';

const ALL: Durability = { acks: 'all', minInsyncReplicas: 1 };

async function append(wadi: Wadi, topic: Topic, text: string): Promise<void> {
  const [result] = await wadi.log.append(topic, [{ partition: 0, batches: [batch([large(text)])] }], ALL);
  offsetOf(result!);
}

test('a topic of two replicas is in regions that are in sync, where there are so many, wherever it is made', async () => {
  const w = world();
  const a = await w.process('a');
  await append(a, await newTopic(a), 'one');
  w.weather.b = 'down';
  await append(a, await a.topics.create({ name: 'second' }), 'b goes');
  let made = 0;
  const from = async (region: string, replicationFactor: number) => {
    const { topics } = await w.process(region);
    return (await topics.create({ name: `narrow-${made++}`, replicationFactor })).replicas;
  };
  expect(await from('a', 2)).toEqual(['a', 'c']);
  expect(await from('b', 2)).toEqual(['c', 'a']);
  expect(await from('c', 1)).toEqual(['c']);
  w.weather.c = 'down';
  await append(a, await a.topics.create({ name: 'third' }), 'c goes');
  expect(await from('a', 2)).toEqual(['a', 'b']);
});
