import { Serdes } from '../../../lib/streams/serdes.ts';
import type { PropertyReport } from '../../../lib/verify/history.ts';
import { expectTimeWindows, nameOf } from '../../streams/windows/oracle.ts';
import { isUnspeakable, WINDOWS } from './application.ts';
import { isReadable, type Read, textOf } from './reading.ts';
import type { Stage } from './stage.ts';

/** What there is when all has come to rest. */
export interface Rest {
  readonly lines: readonly Read[];
  readonly moods: readonly Read[];
  readonly words: readonly Read[];
  readonly told: readonly Read[];
  readonly minutes: readonly Read[];
  readonly letters: readonly Read[];
  /** What a task that begins anew has in its stores. */
  readonly counts: ReadonlyMap<string, number>;
  readonly moodOf: ReadonlyMap<string, string>;
}

const isGood = (line: Read): boolean => isReadable(line) && !isUnspeakable(textOf(line));

export function check(all: Rest | undefined, { seen, unexpected }: Stage): PropertyReport[] {
  const rest = all && { ...all, lines: all.lines.filter(isGood) };
  const { lines = [], words = [], minutes = [] } = rest ?? {};
  const bad = (all?.lines ?? []).filter((line) => !isGood(line));
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
      property: 'each window is told once, when it has closed, with what was said in it in time',
      checked: minutes.length,
      violations: broken(misminuted),
    },
    {
      property: 'what nothing can be made of is a dead letter, once, as it was',
      checked: bad.length,
      violations: broken((found) => misaddressed(found, bad)),
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
    const count = Serdes.long.deserialize(value!);
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
      const at = known.indexOf(mood, last);
      if (at < last) violations.push(`${speaker}: ${line} is told with '${mood}' after '${known[last]}'`);
      last = Math.max(last, at);
    }
  }
  return violations;
}

function misminuted({ lines, minutes }: Rest): string[] {
  const expected: string[] = [];
  for (const ofTask of Map.groupBy(lines, ({ partition }) => partition).values()) {
    const inputs = ofTask.map((line) => ({ ...line, value: textOf(line) }));
    const { final } = expectTimeWindows(inputs, WINDOWS);
    for (const { key } of inputs)
      for (
        let start = 0;
        start <= Math.max(...inputs.map(({ timestamp }) => timestamp));
        start += WINDOWS.sizeMs
      ) {
        const values = final.get(nameOf({ key, start, end: start + WINDOWS.sizeMs }));
        if (values !== undefined) expected.push(`${key}@${start}: ${values.join()}`);
      }
  }
  const told = minutes.map((one) => `${one.key}: ${textOf(one)}`);
  return unequal([...new Set(expected)], told);
}

const misaddressed = ({ letters }: Rest, bad: readonly Read[]): string[] =>
  unequal(bad.map(contentOf), letters.map(contentOf));

/** As multisets. */
function unequal(expected: readonly string[], found: readonly string[]): string[] {
  const times = new Map<string, number>();
  for (const one of expected) times.set(one, (times.get(one) ?? 0) - 1);
  for (const one of found) times.set(one, (times.get(one) ?? 0) + 1);
  return [...times]
    .filter(([, by]) => by !== 0)
    .map(([one, by]) => `${one}: ${by > 0 ? '+' : ''}${by} times`);
}

const contentOf = ({ key, value }: Read): string => `${key} ${value && Buffer.from(value).toString('hex')}`;

function taken(rest: Rest, seen: Stage['seen']): string[] {
  const placeOf = ({ partition, offset }: Read) => `${partition}/${offset}`;
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
  for (const [key, mood] of last) if (mood === '') last.delete(key);
  return [...differing(countsOf(lines), counts), ...differing(last, moodOf)];
}

function differing<V>(expected: ReadonlyMap<string, V>, found: ReadonlyMap<string, V>): string[] {
  const keys = new Set([...expected.keys(), ...found.keys()]);
  return [...keys]
    .filter((key) => expected.get(key) !== found.get(key))
    .map((key) => `${key} is ${found.get(key)} instead of ${expected.get(key)}`);
}
