import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { admin } from '../../lib/client/admin.ts';
import type { Consistency } from '../../lib/local/cluster.ts';
import { spawnCluster } from '../../lib/local/spawn.ts';
import type { Fault } from '../../lib/local/weather.ts';
import { type RunningConsumer, type RunningProducer, startConsumer, startProducer, within } from './load.ts';

export const REGIONS = ['a', 'b', 'c'] as const;
export type RegionName = (typeof REGIONS)[number];
export const MODES = ['all', '1'] as const;
export type Mode = (typeof MODES)[number];
/** Where producers and consumers are; each producer has a partition. */
export const BUSY = ['a', 'b'] as const;

const CATCH_UP_TIMEOUT_MS = 20_000;

export interface DrillOptions {
  /** That a region is lost. */
  readonly seconds: number;
  /** Records a second of each producer, */
  readonly rate: number;
  /** of so many bytes. */
  readonly valueBytes: number;
}

export interface Load {
  readonly mode: Mode;
  readonly topic: string;
  readonly producers: readonly RunningProducer[];
  readonly consumers: readonly RunningConsumer[];
}

export type UrlOf = (region: RegionName) => string;

/** A local cluster of three regions in a process of its own. */
export async function withCluster<T>(
  consistency: Consistency,
  drill: (urlOf: UrlOf) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'wadi-drill-'));
  const cluster = await spawnCluster(directory, { regions: REGIONS, consistency, isQuiet: true });
  try {
    return await drill((region) => cluster.urls.get(region)!);
  } finally {
    await cluster.stop('SIGTERM');
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Producers and consumers at a and b, who fail over to one another's front, and then to `others`. */
export async function startLoad(
  urlOf: UrlOf,
  mode: Mode,
  { rate, valueBytes }: DrillOptions,
  others: readonly RegionName[] = [],
): Promise<Load> {
  const topic = `drill-acks-${mode}`;
  await admin({ url: urlOf('a') }).topics.create({ name: topic, partitions: BUSY.length });
  const frontsFrom = (at: number) => [
    ...BUSY.map((_, i) => urlOf(BUSY[(at + i) % BUSY.length]!)),
    ...others.map(urlOf),
  ];
  const producers = BUSY.map((_, partition) =>
    startProducer({ topic, partition, acks: mode, fronts: frontsFrom(partition), rate, valueBytes }),
  );
  const consumers = await Promise.all(
    BUSY.map((name, i) =>
      startConsumer({
        ...{ topic, partitions: BUSY.length, fronts: frontsFrom(i) },
        groupId: `drill-${mode}-${name}`,
      }),
    ),
  );
  return { mode, topic, producers, consumers };
}

/** Whether each consumer is given all of these, in time. */
export function caughtUp({ consumers }: Load, ids: readonly string[]): Promise<boolean> {
  return within(CATCH_UP_TIMEOUT_MS, () => consumers.every(({ seen }) => ids.every((id) => seen.has(id))));
}

export async function setFault(front: string, region: RegionName, fault: Fault): Promise<void> {
  const response = await fetch(`${front}/local/faults/${region}`, {
    method: 'PUT',
    body: JSON.stringify({ fault }),
  });
  if (!response.ok) throw new Error(`PUT /local/faults/${region}: ${response.status}`);
}

export async function allInSync(front: string): Promise<boolean> {
  const { data } = (await (await fetch(`${front}/v3/clusters`)).json()) as { data: { cluster_id: string }[] };
  const response = await fetch(`${front}/v3/clusters/${data[0]!.cluster_id}/regions`);
  const regions = (await response.json()) as { data: { state: string }[] };
  return regions.data.length === REGIONS.length && regions.data.every(({ state }) => state === 'in_sync');
}

/** In ms: the longest time between two of these moments, from the last one before `fromMs` on, up to `toMs`. */
export function longestPause(atMs: readonly number[], fromMs: number, toMs: number): number {
  const times = atMs.filter((each) => each <= toMs).toSorted((a, b) => a - b);
  const first = Math.max(
    0,
    times.findLastIndex((each) => each <= fromMs),
  );
  const edges = [...times.slice(first), toMs];
  return Math.max(...edges.slice(1).map((each, i) => each - edges[i]!));
}

export function tell(what: string): void {
  process.stderr.write(`${what} …\n`);
}
