import { Serdes, type StreamsApplication, StreamsBuilder } from '../../lib/streams/index.ts';

const { string } = Serdes;
const strings = { keySerde: string, valueSerde: string };

export function stateless(): StreamsApplication {
  const builder = new StreamsBuilder();
  builder
    .stream('input', strings)
    .filter((_, value) => value.length > 0)
    .mapValues((value) => value.toUpperCase(), { valueSerde: string })
    .to('output');
  return { applicationId: 'stateless', topology: builder.build() };
}

/** By way of a topic, which has as many partitions as the input unless given. */
export function wordCount(partitions?: number): StreamsApplication {
  const builder = new StreamsBuilder();
  builder
    .stream('input', strings)
    .selectKey((_, word) => word, strings)
    .repartition({ name: 'words', ...(partitions !== undefined && { partitions }) })
    .groupByKey()
    .count({ storeName: 'counts' })
    .toStream()
    .to('output');
  return { applicationId: 'word-count', topology: builder.build() };
}

export function keyCount(): StreamsApplication {
  const builder = new StreamsBuilder();
  builder.stream('input', strings).groupByKey().count({ storeName: 'counts' });
  return { applicationId: 'key-count', topology: builder.build() };
}
