import { memoryStorage } from '../../../lib/storage/memory/memory.ts';
import { StreamsBuilder } from '../../../lib/streams/dsl/streamsBuilder.ts';
import { nameIn, prepare } from '../../../lib/streams/runtime/application.ts';
import { Serdes } from '../../../lib/streams/serdes.ts';
import { joinWindows } from '../../../lib/streams/windows/joinWindows.ts';
import { createWadi } from '../../../lib/wadi.ts';
import { testClock } from '../../support/log.ts';
import { joinOnForeignKey, joinStreams, joinTable } from './kinds.ts';
import { strings } from './tables.ts';

const keyed = { keySerde: Serdes.string };
const rekeyed = (builder: StreamsBuilder, topic: string) =>
  builder.stream<string, string>(topic, strings).selectKey((_, value) => value, keyed);

/** Partitions of the topics that an application has made for itself, where these topics have so many. */
async function partitionsOf(builder: StreamsBuilder, given: Readonly<Record<string, number>>) {
  const clock = testClock();
  const storage = memoryStorage();
  const { topics } = await createWadi({ storage, clock, clusterId: 'test', warn: () => undefined });
  for (const [name, partitions] of Object.entries(given)) await topics.create({ name, partitions });
  const application = { applicationId: 'app', topology: builder.build() };
  await prepare(topics, application);
  const made = application.topology.repartitionTopics.map(async ({ name }) => {
    const { partitions } = await topics.describe(nameIn(application, name));
    return partitions;
  });
  return Promise.all(made);
}

test('a topic that a stream goes by has as many partitions as the table that it is joined with', async () => {
  const builder = new StreamsBuilder();
  joinTable.join(rekeyed(builder, 'left'), builder.table('right', strings));
  expect(await partitionsOf(builder, { left: 2, right: 5 })).toEqual([5]);
});

test('where both sides of a join go by topics, both have as many as the most of what flows into them', async () => {
  const builder = new StreamsBuilder();
  const sides = [rekeyed(builder, 'left'), rekeyed(builder, 'right')] as const;
  joinStreams.join(...sides, joinWindows({ timeDifferenceMs: 1, graceMs: 0 }));
  expect(await partitionsOf(builder, { left: 4, right: 3 })).toEqual([4, 4]);
});

test('where one of them is given its number, the other has as many', async () => {
  const builder = new StreamsBuilder();
  const left = rekeyed(builder, 'left').repartition({ name: 'given', partitions: 7 });
  joinStreams.join(left, rekeyed(builder, 'right'), joinWindows({ timeDifferenceMs: 1, graceMs: 0 }));
  expect(await partitionsOf(builder, { left: 4, right: 3 })).toEqual([7, 7]);
});

test('subscriptions of a join by foreign key have as many as the right table, responses as the left', async () => {
  const builder = new StreamsBuilder();
  joinOnForeignKey.join(builder.table('left', strings), builder.table('right', strings), (value) => value);
  expect(await partitionsOf(builder, { left: 4, right: 3 })).toEqual([3, 4]);
});

test('so they have if both tables come by topics of the application, too', async () => {
  const builder = new StreamsBuilder();
  const table = (topic: string) => rekeyed(builder, topic).toTable(strings);
  joinOnForeignKey.join(table('left'), table('right'), (value) => value);
  expect(await partitionsOf(builder, { left: 4, right: 3 })).toEqual([4, 3, 3, 4]);
});

test('topics that are joined as they are must have the same number', async () => {
  const builder = new StreamsBuilder();
  joinTable.join(builder.stream('left', strings), builder.table('right', strings));
  await expect(partitionsOf(builder, { left: 4, right: 3 })).rejects.toMatchObject({
    kafka: 'INVALID_PARTITIONS',
  });
});
