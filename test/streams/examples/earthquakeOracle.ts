import { readFileSync } from 'node:fs';

export interface Quake {
  readonly id: string;
  readonly properties: {
    readonly type: string;
    readonly time: number;
    readonly mag: number;
    readonly place: string;
  };
}

export const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export function readQuakes(): Quake[] {
  const { features } = JSON.parse(readFileSync('node_modules/vega-datasets/data/earthquakes.json', 'utf8'));
  return features.toSorted((a: Quake, b: Quake) => a.properties.time - b.properties.time);
}

const regionOf = ({ properties }: Quake): string => /[^,]*$/.exec(properties.place)![0].trim();

function byRegion(quakes: readonly Quake[]): [string, Quake[]][] {
  return [
    ...Map.groupBy(
      quakes.filter(({ properties }) => properties.type === 'earthquake'),
      regionOf,
    ),
  ];
}

/** Runs of five quakes or more that were over, by the last that was heard of from any region of the same partition. */
export function swarms(quakes: readonly Quake[], partitionOf: (region: string) => number) {
  const regions = byRegion(quakes);
  const lastMs = new Map<number, number>();
  for (const [region, some] of regions) {
    const partition = partitionOf(region);
    lastMs.set(partition, Math.max(lastMs.get(partition) ?? 0, some.at(-1)!.properties.time));
  }
  return regions.flatMap(([region, some]) => {
    const begins = some.flatMap(({ properties }, i) =>
      i === 0 || properties.time - some[i - 1]!.properties.time > HOUR ? [i] : [],
    );
    return begins
      .map((from, i) => some.slice(from, begins[i + 1]).map(({ properties }) => properties))
      .filter((run) => run.length >= 5)
      .map((run) => ({
        quakes: run.length,
        magnitude: Math.max(...run.map(({ mag }) => mag)),
        startMs: run[0]!.time,
        endMs: run.at(-1)!.time,
      }))
      .filter(({ endMs }) => lastMs.get(partitionOf(region))! > endMs + HOUR + 10 * MINUTE)
      .map((swarm) => [region, swarm] as const);
  });
}

/** Each pair of a quake of 5 or more and a weaker one of the region in the day after it. */
export function aftershocks(quakes: readonly Quake[]) {
  const pairs = byRegion(quakes).flatMap(([region, some]) =>
    some.flatMap((main) => some.map((after) => ({ region, main, after }))),
  );
  return pairs.flatMap(({ region, main, after }) => {
    const afterMs = after.properties.time - main.properties.time;
    const isOne = main.properties.mag >= 5 && after.properties.mag < main.properties.mag;
    if (!isOne || afterMs <= 0 || afterMs > DAY) return [];
    const { id, properties } = after;
    const mainShock = { id: main.id, magnitude: main.properties.mag };
    return [[region, { id, magnitude: properties.mag, afterMs, mainShock }] as const];
  });
}

/** In an order that does not depend on who said them, nor on that of their fields. */
export const sortedRecords = (records: Iterable<readonly [unknown, unknown]>): unknown[] =>
  [...records].map(([key, value]) => [key, ordered(value)]).toSorted((a, b) => (text(a) < text(b) ? -1 : 1));

const text = (value: unknown): string => JSON.stringify(value);

const ordered = (value: unknown): unknown =>
  Object.fromEntries(Object.entries(value as object).toSorted(([a], [b]) => (a < b ? -1 : 1)));
