import { Serdes, type StreamsApplication, StreamsBuilder } from '../index.ts';

const { string } = Serdes;
const builder = new StreamsBuilder();
builder
  .stream('lines', { keySerde: string, valueSerde: string })
  .flatMapValues((line) => line.toLowerCase().match(/\p{L}+/gu) ?? [], { valueSerde: string })
  .groupBy((_key, word) => word, { keySerde: string })
  .count({ storeName: 'counts' })
  .toStream()
  .mapValues((count) => String(count), { valueSerde: string })
  .to('words');

/** How often each word was there, of the lines of topic `lines`: as text, so that it can be looked at. */
export default { applicationId: 'word-count', topology: builder.build() } satisfies StreamsApplication;
