import { StreamsBuilder } from '../../../lib/streams/dsl/streamsBuilder.ts';
import type { StreamsApplication } from '../../../lib/streams/runtime/application.ts';
import { Serdes } from '../../../lib/streams/serdes.ts';

export const LINES = 'lines';
export const MOODS = 'moods';
export const WORDS = 'words';
export const TOLD = 'told';
export const COUNTS_STORE = 'counts';
export const MOODS_STORE = 'moods-by-speaker';

/** Words are counted, by way of a repartition topic; and each line is told with the mood that its speaker is in. */
export function wordsAndMoods(): StreamsApplication {
  const { string } = Serdes;
  const strings = { keySerde: string, valueSerde: string };
  const builder = new StreamsBuilder();
  const lines = builder.stream(LINES, strings);
  lines
    .flatMapValues((line) => line.split(' '), { valueSerde: string })
    .groupBy((_, word) => word, strings)
    .count({ storeName: COUNTS_STORE })
    .toStream()
    .to(WORDS);
  lines
    .leftJoin(
      builder.table(MOODS, strings, { storeName: MOODS_STORE }),
      (line, mood) => `${line}|${mood ?? ''}`,
      {
        valueSerde: string,
      },
    )
    .to(TOLD, strings);
  return { applicationId: 'simulated', topology: builder.build() };
}
