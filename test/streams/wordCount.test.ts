import { TopologyTestDriver } from '../../lib/streams/driver/topologyTestDriver.ts';
import { StreamsBuilder } from '../../lib/streams/dsl/streamsBuilder.ts';
import { Serdes } from '../../lib/streams/serdes.ts';

const { string, long } = Serdes;
const strings = { keySerde: string, valueSerde: string };

function wordCount() {
  const builder = new StreamsBuilder();
  builder
    .stream('lines', strings)
    .flatMapValues((line) => line.toLowerCase().match(/\w+/g) ?? [], { valueSerde: string })
    .groupBy((_, word) => word, strings)
    .count({ storeName: 'counts' })
    .toStream()
    .to('words');
  return builder.build();
}

test('words are counted, by way of a topic in which each word has its partition', () => {
  const driver = new TopologyTestDriver(wordCount());
  const lines = driver.createInputTopic('lines', string, string);
  const words = driver.createOutputTopic('words', string, long);
  lines.pipeInput('a', 'To be, or not to be');
  expect(words.readKeyValues()).toEqual([
    ['to', 1],
    ['be', 1],
    ['or', 1],
    ['not', 1],
    ['to', 2],
    ['be', 2],
  ]);
  lines.pipeInput('b', 'be', { timestamp: 7 });
  expect(words.readRecord()).toEqual({ key: 'be', value: 3, timestamp: 7, headers: [] });
  expect(driver.getKeyValueStore<string, { value: number }>('counts').get('be')).toMatchObject({ value: 3 });
});

test('a topology is described as Kafka describes it', () => {
  expect(wordCount().describe()).toBe(`Topologies:
   Sub-topology: 0
    Source: KSTREAM-SOURCE-0000000000 (topics: [lines])
      --> KSTREAM-FLATMAPVALUES-0000000001
    Processor: KSTREAM-FLATMAPVALUES-0000000001 (stores: [])
      --> KSTREAM-KEY-SELECT-0000000002
      <-- KSTREAM-SOURCE-0000000000
    Processor: KSTREAM-KEY-SELECT-0000000002 (stores: [])
      --> KSTREAM-FILTER-0000000005
      <-- KSTREAM-FLATMAPVALUES-0000000001
    Processor: KSTREAM-FILTER-0000000005 (stores: [])
      --> KSTREAM-SINK-0000000006
      <-- KSTREAM-KEY-SELECT-0000000002
    Sink: KSTREAM-SINK-0000000006 (topic: counts-repartition)
      <-- KSTREAM-FILTER-0000000005

   Sub-topology: 1
    Source: KSTREAM-SOURCE-0000000007 (topics: [counts-repartition])
      --> KSTREAM-AGGREGATE-0000000003
    Processor: KSTREAM-AGGREGATE-0000000003 (stores: [counts])
      --> KTABLE-TOSTREAM-0000000008
      <-- KSTREAM-SOURCE-0000000007
    Processor: KTABLE-TOSTREAM-0000000008 (stores: [])
      --> KSTREAM-SINK-0000000009
      <-- KSTREAM-AGGREGATE-0000000003
    Sink: KSTREAM-SINK-0000000009 (topic: words)
      <-- KTABLE-TOSTREAM-0000000008
`);
  expect(wordCount().draw()).toContain('n4[("counts")]'.slice(2));
});
