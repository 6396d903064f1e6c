import { setTimeout as sleep } from 'node:timers/promises';
import { REPLICATION_LAG_MS } from '../../lib/local/bucketReplication.ts';
import type { FailoverState } from '../../lib/local/failovers.ts';
import { ITEM_LAG_MS } from '../../lib/local/homeRegions.ts';
import { type Cell, printTable } from '../table.ts';
import {
  allInSync,
  BUSY,
  caughtUp,
  type DrillOptions,
  type Load,
  longestPause,
  MODES,
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

const WARM_UP_MS = 5_000;
const AFTER_MS = 3_000;
const POLL_MS = 100;
const IN_SYNC_TIMEOUT_MS = 60_000;
/** What a timer, a request and its answer may take in a process that is busy. */
const MARGIN_MS = 500;
/** What was acknowledged longer before a region was lost must not be. Objects of acks=1 are carried over apart from items. */
const MAY_BE_LOST_MS = Math.max(ITEM_LAG_MS, REPLICATION_LAG_MS) + MARGIN_MS;

/** From when it began up to when all regions are in sync again. */
interface Round {
  readonly name: string;
  /** Whether the home was lost, so that what had not been replicated is. */
  readonly isLoss: boolean;
  readonly beganMs: number;
  /** When the order to take the home down was sent, or the failover began. */
  readonly fromMs: number;
  /** The failover. */
  readonly tookMs: number;
  /** When the region that was lost came back. */
  readonly upMs: number | undefined;
  readonly inSyncMs: number;
  readonly endedMs: number;
}

/**
 * Each region has a copy of the items. The home, a, is lost under load, b is made home, a comes back; then a is made home again while all are up.
 * Whether nothing is lost but what had just been acknowledged, and no offset is given twice.
 */
export function eventualDrill(options: DrillOptions): Promise<boolean> {
  return withCluster('eventual', (urlOf) => drill(urlOf, options));
}

async function drill(urlOf: UrlOf, options: DrillOptions): Promise<boolean> {
  const loads = await Promise.all(MODES.map((mode) => startLoad(urlOf, mode, options, ['c'])));
  const rounds = [await lose(urlOf, options), await planned(urlOf)];
  tell('reading everything through every front');
  await Promise.all(loads.flatMap(({ producers }) => producers.map((each) => each.stop())));
  const rows: Cell[][] = [];
  const problems: string[] = [];
  for (const load of loads) {
    const all = load.producers.flatMap(({ acknowledged }) => acknowledged);
    const found = await Promise.all(
      REGIONS.map((region) => readBack(urlOf(region), load.topic, BUSY.length)),
    );
    const lost = new Set(found.flatMap((each) => missing(all, each)));
    const twice = new Set(found.flatMap(duplicates));
    const left = all.filter((each) => !lost.has(each));
    const isCaughtUp = await caughtUp(
      load,
      left.map(({ id }) => id),
    );
    await Promise.all(load.consumers.map((each) => each.stop()));
    const wrong = [
      ...(isCaughtUp ? [] : ['a consumer was not given every record that is there']),
      ...offsetsGivenTwice(all),
      ...rounds.flatMap((round) => wronglyLost(round, lost)),
    ];
    problems.push(...wrong.map((what) => `acks=${load.mode}: ${what}`));
    for (const round of rounds) rows.push(rowOf(load, round, lost, twice));
    const begunAnew = load.producers.reduce((sum, each) => sum + each.begunAnew(), 0);
    const failed = load.producers.reduce((sum, each) => sum + each.failed(), 0);
    tell(`acks=${load.mode}: producers began anew ${begunAnew} times, gave up ${failed} records`);
  }
  printTable(
    `Each region has a copy of the items: the home is lost, and another made home at once; ${options.seconds} s later the old one is back, and is made home again; producers as above`,
    [
      ...['acks', 'failover', 'acknowledged', 'lost', 'oldest of them ms', 'there twice'],
      ...['longest pause ms', 'failover s', 'up to in sync s', 'offsets skipped'],
    ],
    rows,
  );
  for (const problem of problems) console.log(`wrong: ${problem}`);
  console.log(
    `\nnothing lost but what had been acknowledged for less than ${MAY_BE_LOST_MS} ms: ${problems.length > 0 ? 'no' : 'yes'}`,
  );
  return problems.length === 0;
}

async function lose(urlOf: UrlOf, { seconds }: DrillOptions): Promise<Round> {
  const beganMs = performance.now();
  await sleep(WARM_UP_MS);
  tell('region a, which is home, goes down');
  // The region is down some time before the answer is here, and takes nothing from then on.
  const fromMs = performance.now();
  await setFault(urlOf('c'), 'a', 'down');
  const failoverMs = performance.now();
  await failOver(urlOf('c'), 'b');
  const tookMs = performance.now() - failoverMs;
  await sleep(seconds * 1_000);
  tell('region a is up again');
  await setFault(urlOf('c'), 'a', 'up');
  const upMs = performance.now();
  const { inSyncMs, endedMs } = await inSync(urlOf('b'));
  return { name: 'a is lost, to b', isLoss: true, beganMs, fromMs, tookMs, upMs, inSyncMs, endedMs };
}

async function planned(urlOf: UrlOf): Promise<Round> {
  const fromMs = performance.now();
  await failOver(urlOf('c'), 'a');
  const tookMs = performance.now() - fromMs;
  const { inSyncMs, endedMs } = await inSync(urlOf('a'));
  const upMs = undefined;
  return {
    name: 'planned, b to a',
    isLoss: false,
    beganMs: fromMs,
    ...{ fromMs, tookMs, upMs, inSyncMs, endedMs },
  };
}

async function inSync(front: string) {
  if (!(await within(IN_SYNC_TIMEOUT_MS, () => allInSync(front))))
    throw new Error(`not all regions are in sync after ${IN_SYNC_TIMEOUT_MS / 1_000} s`);
  const inSyncMs = performance.now();
  await sleep(AFTER_MS);
  return { inSyncMs, endedMs: performance.now() };
}

/** As `wadi regions failover` does. */
async function failOver(front: string, to: RegionName): Promise<void> {
  tell(`${to} is made home`);
  const ask = async (method: string, path: string): Promise<FailoverState> => {
    const response = await fetch(`${front}/local/failover${path}`, { method });
    if (!response.ok) throw new Error(`${method} /local/failover${path}: ${response.status}`);
    return response.json() as Promise<FailoverState>;
  };
  let now = await ask('POST', `/${to}`);
  for (; now.state === 'running'; now = await ask('GET', '')) await sleep(POLL_MS);
  if (now.state !== 'done') throw new Error(`the failover to ${to} failed: ${now.error}`);
}

const isOf =
  ({ beganMs, endedMs }: Round) =>
  ({ atMs }: Acknowledged) =>
    atMs >= beganMs && atMs < endedMs;

/** Beyond what may be lost with a region: what was acknowledged long before, or behind it. */
function wronglyLost(round: Round, lost: ReadonlySet<Acknowledged>): string[] {
  const { name, isLoss, fromMs } = round;
  const mayBe = ({ atMs }: Acknowledged) =>
    isLoss && atMs > fromMs - MAY_BE_LOST_MS && atMs < fromMs + MARGIN_MS;
  const wrong = [...lost].filter((each) => isOf(round)(each) && !mayBe(each));
  return wrong.length === 0 ? [] : [`${name}: ${wrong.length} records are lost that must not be`];
}

function offsetsGivenTwice(all: readonly Acknowledged[]): string[] {
  const given = new Map<string, string>();
  let twice = 0;
  for (const { id, partition, offset } of all) {
    if (offset < 0) continue;
    const place = `${partition}/${offset}`;
    if ((given.get(place) ?? id) !== id) twice++;
    given.set(place, id);
  }
  return twice === 0 ? [] : [`${twice} offsets were acknowledged for two records`];
}

function rowOf(
  { mode, producers }: Load,
  round: Round,
  lost: ReadonlySet<Acknowledged>,
  twice: ReadonlySet<string>,
): Cell[] {
  const { name, fromMs, tookMs, upMs, inSyncMs } = round;
  const acknowledged = producers.flatMap((each) => each.acknowledged.filter(isOf(round)));
  const gone = acknowledged.filter((each) => lost.has(each));
  const ages = gone.map(({ atMs }) => fromMs - atMs);
  const pauses = producers.map((each) =>
    longestPause(
      each.acknowledged.map(({ atMs }) => atMs),
      fromMs,
      inSyncMs,
    ),
  );
  const skipped = producers.map((each) => longestJump(each.acknowledged.filter(isOf(round))));
  return [
    ...[mode, name, acknowledged.length, gone.length],
    ages.length === 0 ? '-' : Math.round(Math.max(...ages)),
    acknowledged.filter(({ id }) => twice.has(id)).length,
    ...[Math.round(Math.max(...pauses)), (tookMs / 1_000).toFixed(1)],
    upMs === undefined ? '-' : ((inSyncMs - upMs) / 1_000).toFixed(1),
    Math.max(...skipped),
  ];
}

/** Of one producer's records, whose partition is its own: how many offsets were given to none. */
function longestJump(acknowledged: readonly Acknowledged[]): number {
  const offsets = acknowledged.flatMap(({ offset }) => (offset < 0 ? [] : [offset]));
  offsets.sort((a, b) => a - b);
  return Math.max(0, ...offsets.slice(1).map((offset, i) => offset - offsets[i]! - 1));
}
