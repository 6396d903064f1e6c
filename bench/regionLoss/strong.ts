import { setTimeout as sleep } from 'node:timers/promises';
import { type Cell, printTable } from '../table.ts';
import {
  allInSync,
  BUSY,
  caughtUp,
  type DrillOptions,
  type Load,
  longestPause,
  MODES,
  type Mode,
  REGIONS,
  type RegionName,
  setFault,
  startLoad,
  tell,
  type UrlOf,
  withCluster,
} from './cluster.ts';
import { type Acknowledged, within } from './load.ts';
import { duplicates, missing, readBack } from './readBack.ts';

const WARM_UP_MS = 3_000;
const AFTER_MS = 2_000;
const IN_SYNC_TIMEOUT_MS = 60_000;

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

/** Regions share the items: first the third region is lost under load and comes back, then one where a producer and a consumer are. Whether nothing of acks=all is lost. */
export function strongDrill(options: DrillOptions): Promise<boolean> {
  return withCluster('strong', (urlOf) => drill(urlOf, options));
}

async function drill(urlOf: UrlOf, options: DrillOptions): Promise<boolean> {
  const loads = await Promise.all(MODES.map((mode) => startLoad(urlOf, mode, options)));
  const rounds: Round[] = [];
  // What is read back is asked for where no consumer has been: no cache has it.
  rounds.push(await lose(urlOf, options, loads, 'c', 'b'));
  rounds.push(await lose(urlOf, options, loads, 'b', 'c'));
  tell('reading everything through every front');
  await Promise.all(loads.flatMap(({ producers }) => producers.map((each) => each.stop())));
  const rows: Cell[][] = [];
  const problems: string[] = [];
  for (const load of loads) {
    const all = load.producers.flatMap(({ acknowledged }) => acknowledged);
    if (
      !(await caughtUp(
        load,
        all.map(({ id }) => id),
      ))
    ) {
      problems.push(`acks=${load.mode}: a consumer was not given every acknowledged record`);
    }
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
    const failed = load.producers.reduce((sum, each) => sum + each.failed(), 0);
    if (failed > 0) problems.push(`acks=${load.mode}: ${failed} records were given up`);
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

async function lose(
  urlOf: UrlOf,
  { seconds }: DrillOptions,
  loads: readonly Load[],
  lost: RegionName,
  witness: RegionName,
): Promise<Round> {
  const beganMs = performance.now();
  await sleep(WARM_UP_MS);
  tell(`region ${lost} goes down`);
  await setFault(urlOf('a'), lost, 'down');
  const downMs = performance.now();
  const upAgain = sleep(seconds * 1_000);
  await sleep((seconds * 1_000) / 4);
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
  const pauses = producers.map((each) => {
    const times = each.acknowledged.map(({ atMs }) => atMs);
    return longestPause(times, round.downMs, round.inSyncMs);
  });
  const stayed = pauses.filter((_, i) => i !== moved);
  const lostForGood = acknowledged.filter((each) => lost.has(each)).length;
  const doubled = acknowledged.filter(({ id }) => twice.has(id)).length;
  return [
    ...[mode, round.lost, acknowledged.length, round.unreadable[mode], lostForGood, doubled],
    ...[Math.round(Math.max(...stayed)), moved < 0 ? '-' : Math.round(pauses[moved]!)],
    ((round.inSyncMs - round.upMs) / 1_000).toFixed(1),
  ];
}
