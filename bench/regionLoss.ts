/**
 * What is lost with a region: `npm run drill:region-loss`. A local cluster of three regions in a process of its own, producers and
 * consumers at two of them, who fail over. First the third region is lost under load and comes back, then one where a
 * producer and a consumer are. Every acknowledged record is looked for through a front that is left, and at the end through all.
 * Exit code 1 if one of acks=all is lost.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { admin } from '../lib/client/admin.ts';
import { spawnCluster } from '../lib/local/spawn.ts';
import type { Fault } from '../lib/local/weather.ts';
import { benchOptions } from './options.ts';
import {
  type Acknowledged,
  type RunningConsumer,
  type RunningProducer,
  startConsumer,
  startProducer,
  within,
} from './regionLoss/load.ts';
import { duplicates, missing, readBack } from './regionLoss/readBack.ts';
import { type Cell, printTable } from './table.ts';

const options = benchOptions('drill:region-loss', 'What is lost, and for how long, when a region is lost.', {
  seconds: [8, 'that a region is lost, each time'],
  rate: [50, 'records a second of each of four producers'],
  valueBytes: [5_000, 'of a record; below 3,900 most are items, which every region has at once'],
});

const REGIONS = ['a', 'b', 'c'] as const;
type RegionName = (typeof REGIONS)[number];
const MODES = ['all', '1'] as const;
type Mode = (typeof MODES)[number];
/** Where producers and consumers are; each producer has a partition. */
const BUSY = ['a', 'b'] as const;
const WARM_UP_MS = 3_000;
const AFTER_MS = 2_000;
const IN_SYNC_TIMEOUT_MS = 60_000;
const CATCH_UP_TIMEOUT_MS = 20_000;

interface Load {
  readonly mode: Mode;
  readonly topic: string;
  readonly producers: readonly RunningProducer[];
  readonly consumers: readonly RunningConsumer[];
}

/** One region's loss. */
interface Round {
  readonly lost: RegionName;
  readonly beganMs: number;
  readonly downMs: number;
  readonly upMs: number;
  readonly inSyncMs: number;
  readonly endedMs: number;
  readonly unreadable: Readonly<Record<Mode, number>>;
}

async function main(): Promise<boolean> {
  const directory = mkdtempSync(join(tmpdir(), 'wadi-drill-'));
  const cluster = await spawnCluster(directory, { regions: REGIONS, isQuiet: true });
  try {
    return await drill((region) => cluster.urls.get(region)!);
  } finally {
    await cluster.stop('SIGTERM');
    rmSync(directory, { recursive: true, force: true });
  }
}

type UrlOf = (region: RegionName) => string;

async function drill(urlOf: UrlOf): Promise<boolean> {
  const loads = await Promise.all(MODES.map((mode) => startLoad(urlOf, mode)));
  const rounds: Round[] = [];
  // What is read back is asked for where no consumer has been: no cache has it.
  rounds.push(await lose(urlOf, loads, 'c', 'b'));
  rounds.push(await lose(urlOf, loads, 'b', 'c'));
  tell('reading everything through every front');
  await Promise.all(loads.flatMap(({ producers }) => producers.map((each) => each.stop())));
  const rows: Cell[][] = [];
  const problems: string[] = [];
  for (const load of loads) {
    const all = load.producers.flatMap(({ acknowledged }) => acknowledged);
    const caughtUp = await within(CATCH_UP_TIMEOUT_MS, () =>
      load.consumers.every(({ seen }) => all.every(({ id }) => seen.has(id))),
    );
    if (!caughtUp) problems.push(`acks=${load.mode}: a consumer was not given every acknowledged record`);
    await Promise.all(load.consumers.map((each) => each.stop()));
    const found = await Promise.all(
      REGIONS.map((region) => readBack(urlOf(region), load.topic, BUSY.length)),
    );
    const lost = new Set(found.flatMap((each) => missing(all, each)));
    const twice = new Set(found.flatMap(duplicates));
    for (const round of rounds) rows.push(rowOf(load, round, lost, twice));
    for (const { lost: region, unreadable } of rounds) {
      const gone = unreadable[load.mode];
      if (load.mode === 'all' && gone > 0) problems.push(`acks=all: ${gone} were gone with region ${region}`);
    }
    if (lost.size > 0) problems.push(`acks=${load.mode}: ${lost.size} acknowledged records are lost`);
  }
  printTable(
    `A region is lost for ${options.seconds} s; ${BUSY.length} producers of ${options.rate} records/s at each acks, at a and b`,
    [
      ...['acks', 'lost', 'acknowledged', 'unreadable while down', 'lost at the end', 'duplicates'],
      ...['longest pause ms', 'failing over ms', 'up to in sync s'],
    ],
    rows,
  );
  for (const problem of problems) console.log(`wrong: ${problem}`);
  console.log(`\nnothing of acks=all lost: ${problems.some(isOfAll) ? 'no' : 'yes'}`);
  return !problems.some(isOfAll);
}

const isOfAll = (problem: string): boolean => problem.startsWith('acks=all');

async function startLoad(urlOf: UrlOf, mode: Mode): Promise<Load> {
  const topic = `drill-acks-${mode}`;
  await admin({ url: urlOf('a') }).topics.create({ name: topic, partitions: BUSY.length });
  const { rate, valueBytes } = options;
  const frontsFrom = (at: number) => BUSY.map((_, i) => urlOf(BUSY[(at + i) % BUSY.length]!));
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

async function lose(
  urlOf: UrlOf,
  loads: readonly Load[],
  lost: RegionName,
  witness: RegionName,
): Promise<Round> {
  const beganMs = performance.now();
  await sleep(WARM_UP_MS);
  tell(`region ${lost} goes down`);
  await setFault(urlOf('a'), lost, 'down');
  const downMs = performance.now();
  const upAgain = sleep(options.seconds * 1_000);
  await sleep((options.seconds * 1_000) / 4);
  const unreadable = { all: 0, 1: 0 };
  await Promise.all(
    loads.map(async ({ mode, topic, producers }) => {
      const acknowledged = producers.flatMap((each) => each.acknowledged);
      const found = await readBack(urlOf(witness), topic, BUSY.length);
      unreadable[mode] = missing(acknowledged, found).length;
    }),
  );
  await upAgain;
  tell(`region ${lost} is up again`);
  await setFault(urlOf('a'), lost, 'up');
  const upMs = performance.now();
  if (!(await within(IN_SYNC_TIMEOUT_MS, () => allInSync(urlOf('a')))))
    throw new Error(`${lost} is not in sync after ${IN_SYNC_TIMEOUT_MS / 1_000} s`);
  const inSyncMs = performance.now();
  await sleep(AFTER_MS);
  return { lost, beganMs, downMs, upMs, inSyncMs, endedMs: performance.now(), unreadable };
}

async function setFault(front: string, region: RegionName, fault: Fault): Promise<void> {
  const response = await fetch(`${front}/local/faults/${region}`, {
    method: 'PUT',
    body: JSON.stringify({ fault }),
  });
  if (!response.ok) throw new Error(`PUT /local/faults/${region}: ${response.status}`);
}

async function allInSync(front: string): Promise<boolean> {
  const { data } = (await (await fetch(`${front}/v3/clusters`)).json()) as { data: { cluster_id: string }[] };
  const response = await fetch(`${front}/v3/clusters/${data[0]!.cluster_id}/regions`);
  const regions = (await response.json()) as { data: { state: string }[] };
  return regions.data.length === REGIONS.length && regions.data.every(({ state }) => state === 'in_sync');
}

function rowOf(
  { mode, producers }: Load,
  round: Round,
  lost: ReadonlySet<Acknowledged>,
  twice: ReadonlySet<string>,
): Cell[] {
  const isIn = ({ atMs }: Acknowledged) => atMs >= round.beganMs && atMs < round.endedMs;
  const acknowledged = producers.flatMap((each) => each.acknowledged.filter(isIn));
  // A producer that was at the region that was lost fails over; the others only wait.
  const moved = (BUSY as readonly RegionName[]).indexOf(round.lost);
  const pauses = producers.map((each) => longestPause(each, round));
  const stayed = pauses.filter((_, i) => i !== moved);
  const lostForGood = acknowledged.filter((each) => lost.has(each)).length;
  const doubled = acknowledged.filter(({ id }) => twice.has(id)).length;
  return [
    ...[mode, round.lost, acknowledged.length, round.unreadable[mode], lostForGood, doubled],
    ...[Math.round(Math.max(...stayed)), moved < 0 ? '-' : Math.round(pauses[moved]!)],
    ((round.inSyncMs - round.upMs) / 1_000).toFixed(1),
  ];
}

/** Of one producer, in ms between two acknowledgements while the region was down, or came back. */
function longestPause({ acknowledged }: RunningProducer, { downMs, inSyncMs }: Round): number {
  const times = acknowledged.map(({ atMs }) => atMs).filter((atMs) => atMs <= inSyncMs);
  const first = Math.max(
    0,
    times.findLastIndex((atMs) => atMs <= downMs),
  );
  const edges = [...times.slice(first), inSyncMs];
  return Math.max(...edges.slice(1).map((atMs, i) => atMs - edges[i]!));
}

function tell(what: string): void {
  process.stderr.write(`${what} …\n`);
}

process.exitCode = (await main()) ? 0 : 1;
