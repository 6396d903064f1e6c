import { Serdes } from '../../../lib/streams/serdes.ts';
import type { PropertyReport } from '../../../lib/verify/history.ts';
import { type Read, textOf } from './reading.ts';
import type { Stage } from './stage.ts';

/** What there is when all has come to rest. */
export interface Rest {
  readonly lines: readonly Read[];
  readonly moods: readonly Read[];
  readonly words: readonly Read[];
  readonly told: readonly Read[];
  /** What a task that begins anew has in its stores. */
  readonly counts: ReadonlyMap<string, number>;
  readonly moodOf: ReadonlyMap<string, string>;
}

export function check(rest: Rest | undefined, { seen, unexpected }: Stage): PropertyReport[] {
  const { lines = [], words = [] } = rest ?? {};
  const broken = (find: (rest: Rest) => string[]) => (rest === undefined ? [] : find(rest));
  return [
    {
      property: 'each word is counted once for each time that it was said, one count after the other',
      checked: words.length,
      violations: broken(miscounted),
    },
    {
      property:
        'each line is told once, in its order, with a mood that its speaker came to no later than the next',
      checked: lines.length,
      violations: broken(mistold),
    },
    {
      property: 'what was seen of an output stays as it was',
      checked: seen.length,
      violations: broken((found) => taken(found, seen)),
    },
    {
      property: 'a task that begins anew has in its stores what the inputs make of them',
      checked: rest === undefined ? 0 : rest.counts.size + rest.moodOf.size,
      violations: broken(misremembered),
    },
    {
      property:
        'when all is whole again, every task comes to its end, and no worker fails for other reasons than storage',
      checked: 1,
      violations: unexpected,
    },
  ];
}

function countsOf(lines: readonly Read[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of lines.flatMap((line) => textOf(line).split(' ')))
    counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

function miscounted({ lines, words }: Rest): string[] {
  const violations: string[] = [];
  const told = new Map<string, number>();
  for (const { key, value, partition, offset } of words) {
    const count = Serdes.long.deserialize(value);
    const before = told.get(key) ?? 0;
    if (count !== before + 1) violations.push(`${key}: ${count} after ${before}, at ${partition}/${offset}`);
    told.set(key, count);
  }
  return [...violations, ...differing(countsOf(lines), told)];
}

function mistold({ lines, moods, told }: Rest): string[] {
  const violations: string[] = [];
  const moodsOf = Map.groupBy(moods, ({ key }) => key);
  const toldOf = Map.groupBy(told, ({ key }) => key);
  const linesOf = Map.groupBy(lines, ({ key }) => key);
  for (const speaker of new Set([...linesOf.keys(), ...toldOf.keys()])) {
    const said = (linesOf.get(speaker) ?? []).map(textOf);
    const pairs = (toldOf.get(speaker) ?? []).map((one) => textOf(one).split('|') as [string, string]);
    const repeated = pairs.map(([line]) => line);
    if (said.join('\n') !== repeated.join('\n'))
      violations.push(`${speaker} said ${said.join(', ')}; told is ${repeated.join(', ')}`);
    const known = ['', ...(moodsOf.get(speaker) ?? []).map(textOf)];
    let last = 0;
    for (const [line, mood] of pairs) {
      const at = known.indexOf(mood);
      if (at < last) violations.push(`${speaker}: ${line} is told with '${mood}' after '${known[last]}'`);
      last = Math.max(last, at);
    }
  }
  return violations;
}

function taken(rest: Rest, seen: Stage['seen']): string[] {
  const placeOf = ({ partition, offset }: Read) => `${partition}/${offset}`;
  const contentOf = ({ key, value }: Read) => `${key} ${Buffer.from(value).toString('hex')}`;
  const last = {
    words: new Map(rest.words.map((one) => [placeOf(one), contentOf(one)])),
    told: new Map(rest.told.map((one) => [placeOf(one), contentOf(one)])),
  };
  return seen.flatMap((one) => {
    const now = last[one.topic as keyof typeof last].get(placeOf(one));
    return now === contentOf(one)
      ? []
      : [`${one.topic} ${placeOf(one)} was ${contentOf(one)}, and is ${now}`];
  });
}

function misremembered({ lines, moods, counts, moodOf }: Rest): string[] {
  const last = new Map(moods.map((one) => [one.key, textOf(one)]));
  return [...differing(countsOf(lines), counts), ...differing(last, moodOf)];
}

function differing<V>(expected: ReadonlyMap<string, V>, found: ReadonlyMap<string, V>): string[] {
  const keys = new Set([...expected.keys(), ...found.keys()]);
  return [...keys]
    .filter((key) => expected.get(key) !== found.get(key))
    .map((key) => `${key} is ${found.get(key)} instead of ${expected.get(key)}`);
}
