import { StreamsBuilder } from '../../../lib/streams/dsl/streamsBuilder.ts';
import type { StreamsApplication } from '../../../lib/streams/runtime/application.ts';
import { Serdes } from '../../../lib/streams/serdes.ts';
import { timeWindows } from '../../../lib/streams/windows/timeWindows.ts';

export const LINES = 'lines';
export const MOODS = 'moods';
export const WORDS = 'words';
export const TOLD = 'told';
export const MINUTES = 'minutes';
export const LETTERS = 'letters';
export const COUNTS_STORE = 'counts';
export const MOODS_STORE = 'moods-by-speaker';

export const WINDOWS = timeWindows({ sizeMs: 2_000, graceMs: 1_000 });
/** A line of which nothing can be made. */
export const isUnspeakable = (line: string): boolean => line.includes('unspeakable');

/** Longer than clocks are apart. */
export const DELETE_RETENTION_MS = 1_800_000;
/** Compacted as early as can be. */
const changelogConfigs = {
  'min.cleanable.dirty.ratio': '0',
  'delete.retention.ms': String(DELETE_RETENTION_MS),
};

/**
 * Words are counted, by way of a repartition topic; each line is told with the mood that its speaker is in; what each has said in a window is told
 * when that closes. Lines of which nothing can be made are dead letters.
 */
export function wordsAndMoods(): StreamsApplication {
  const { string } = Serdes;
  const strings = { keySerde: string, valueSerde: string };
  const builder = new StreamsBuilder();
  const lines = builder.stream(LINES, strings);
  lines
    .flatMapValues((line) => line.split(' '), { valueSerde: string })
    .groupBy((_, word) => word, strings)
    .count({ storeName: COUNTS_STORE, changelogConfigs })
    .toStream()
    .to(WORDS);
  lines
    .leftJoin(
      builder.table(MOODS, strings, { storeName: MOODS_STORE, changelogConfigs }),
      (line, mood) => `${line}|${mood ?? ''}`,
      {
        valueSerde: string,
      },
    )
    .to(TOLD, strings);
  lines
    .groupByKey()
    .windowedBy(WINDOWS, { emit: 'on-window-close' })
    .aggregate(
      () => '',
      (_, line, all) => (all === '' ? line : `${all},${line}`),
      { storeName: 'minutes', valueSerde: string, changelogConfigs },
    )
    .toStream()
    .selectKey(({ key, window }) => `${key}@${window.startMs}`, { keySerde: string })
    // Behind all else that is made of it: half of that was done.
    .to(MINUTES);
  lines.foreach((_, line) => {
    if (isUnspeakable(line)) throw new Error('unspeakable');
  });
  return {
    applicationId: 'simulated',
    topology: builder.build(),
    onError: { deadLetterTopic: LETTERS },
  };
}
