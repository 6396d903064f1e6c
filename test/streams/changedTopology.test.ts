import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { deleteApplication } from '../../lib/streams/admin/deleteApplication.ts';
import { resetApplication } from '../../lib/streams/admin/resetApplication.ts';
import { Serdes, StreamsBuilder } from '../../lib/streams/index.ts';
import { createWadi, type Wadi } from '../../lib/wadi.ts';
import { append, batch, readAll, testClock } from '../support/log.ts';
import { runApplication } from '../support/streams.ts';

const strings = { keySerde: Serdes.string, valueSerde: Serdes.string };

/** Each of these copies its topics to `out`, in the order of sub-topologies. */
function copying(...sources: readonly (readonly string[])[]) {
  const builder = new StreamsBuilder();
  for (const topics of sources) builder.stream(topics, strings).to('out');
  return { applicationId: 'app', topology: builder.build() };
}

/** Topics of one record each, of which two were copied. */
async function copied() {
  const clock = testClock();
  const wadi = await createWadi({ storage: memoryStorage(), clock, clusterId: 'test' });
  for (const name of ['a', 'b', 'c', 'out']) await wadi.topics.create({ name });
  for (const name of ['a', 'b', 'c'])
    await append(wadi.log, await wadi.topics.describe(name), 0, batch([name]));
  await runApplication(wadi, copying(['a'], ['b']));
  const out = async () => {
    await wadi.log.settled();
    const all = await readAll(wadi.log, await wadi.topics.describe('out'), 0);
    return all.map(([, value]) => value).toSorted();
  };
  expect(await out()).toEqual(['a', 'b']);
  return { wadi, out };
}

type Begin = (wadi: Wadi, applicationId: string) => Promise<unknown>;
test.each<[string, Begin]>([
  ['reset', resetApplication],
  ['reset to the end', (wadi, id) => resetApplication(wadi, id, 'latest')],
  ['deleted', deleteApplication],
])(
  'a sub-topology that would go on with the tasks of another is refused, until the application is %s',
  async (_, begin) => {
    const { wadi, out } = await copied();
    const changed = () => runApplication(wadi, copying(['c'], ['a'], ['b']));
    for (let attempt = 0; attempt < 2; attempt++)
      await expect(changed()).rejects.toMatchObject({
        kafka: 'INVALID_REQUEST',
        message: expect.stringMatching(/^Sub-topology 0 of application 'app' reads c now, and has read a: /),
      });
    expect(await out()).toEqual(['a', 'b']);
    await begin(wadi, 'app');
    expect(await changed()).toMatchObject({ failed: 0 });
  },
);

test('a sub-topology may read more topics than before, another may be added, and the last be left out', async () => {
  const { wadi, out } = await copied();
  await runApplication(wadi, copying(['a', 'c'], ['b']));
  expect(await out()).toEqual(['a', 'b', 'c']);
  await runApplication(wadi, copying(['a', 'c']));
  await runApplication(wadi, copying(['a'], ['b'], ['c']));
  expect(await out()).toEqual(['a', 'b', 'c', 'c']);
});
