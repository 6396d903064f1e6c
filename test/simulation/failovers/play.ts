import type { Clock } from '../../../lib/clock.ts';
import { createArrived } from '../../../lib/failover/arrived.ts';
import { type AuthorityLimits, createAuthority } from '../../../lib/failover/authority.ts';
import { type Begins, failover } from '../../../lib/failover/failover.ts';
import { createHomes, type Homes, homeTables } from '../../../lib/failover/homes.ts';
import { FAILOVER_LIMITS, type FailoverLimits } from '../../../lib/failover/limits.ts';
import { LIMITS } from '../../../lib/log/limits.ts';
import { collectGarbage } from '../../../lib/maintenance/collectGarbage.ts';
import { mergePartition } from '../../../lib/maintenance/mergePartition.ts';
import { rejoin } from '../../../lib/replication/rejoin.ts';
import type { Topic } from '../../../lib/topic/topic.ts';
import type { PropertyReport } from '../../../lib/verify/history.ts';
import { createWadi, type Wadi } from '../../../lib/wadi.ts';
import { batch, readAll } from '../../support/log.ts';
import type { Played } from '../game.ts';
import { type Random, seeded } from '../random.ts';
import { createWorld, type World } from '../world.ts';
import { createSky, MAX_LAG_MS, REGIONS, type RegionName, type Sky, type Viewer } from './sky.ts';

const START_MS = 1_770_000_000_000;
const SKEWS_MS = [0, 0, -3_600_000, 3_600_000, 70_000, -2_000];
const FREEZES_MS = [200, 2_000, 20_000, 120_000];
const AUTHORITY: AuthorityLimits = { leaseMs: 1_000, renewAfterMs: 500 };
const FAILOVER: FailoverLimits = { ...FAILOVER_LIMITS, fenceMs: 1_200, offsetGap: 1_000, itemsPerPage: 7 };
const LOG = { ...LIMITS, entriesPerRoll: 4, maxEntriesPerRoll: 4, holdMs: 20, busyHoldMs: 10 };
const CLIENT_TIMEOUT_MS = 15_000;
/** Beyond what items take to arrive: calls that are under way, and what a process that was frozen says late. */
const MARGIN_MS = 200;

interface Appended {
  readonly partition: number;
  readonly text: string;
  readonly invokedMs: number;
  returnedMs: number;
  offset: number | undefined;
}

/** Also of one that did not hear whether it was taken: who comes next may find that it was. */
interface Begun extends Begins {
  readonly beganMs: number;
  readonly readyMs: number;
}

/** Regions are lost and cut off, others take over, and those who were home do not always know. */
export async function playFailovers(seed: number, log?: (line: string) => void): Promise<Played> {
  const random = seeded(seed, 77);
  const world = createWorld(START_MS, seeded(seed, 78).real, log);
  const sky = createSky(world, random.fork(1), random.pick([0, 1, 1, 3]));
  const appended: Appended[] = [];
  const begun: Begun[] = [];
  const unexpected: string[] = [];
  const stage: Stage = { world, sky, random, appended, begun, unexpected };
  const processes = REGIONS.flatMap((region) =>
    Array.from({ length: random.between(1, 2) }, (_, i) => startProcess(stage, region, `${region}${i}`)),
  );
  let found: Map<number, string>[] = [];
  try {
    await world.run(
      (async () => {
        const topic = await newTopic(processes[0]!, random);
        await sleep(world, 2 * MAX_LAG_MS);
        const untilMs = world.nowMs + random.pick([20_000, 60_000, 120_000]);
        const clients = Array.from({ length: random.between(2, 4) }, (_, i) =>
          produce(stage, topic, processes, i, untilMs),
        );
        const troubles = Array.from({ length: random.between(1, 3) }, () => trouble(stage, untilMs));
        await Promise.all([
          ...clients,
          ...troubles,
          freeze(stage, processes, untilMs),
          keep(stage, topic, processes, untilMs),
        ]);
        found = await rest(stage, topic, processes);
      })(),
    );
  } catch (error) {
    unexpected.push(`the run broke off: ${(error as Error).message}`);
  }
  const { fingerprint } = world;
  return { reports: check(stage, found), coverage: new Map(), fingerprint, operations: appended.length };
}

interface Stage {
  readonly world: World;
  readonly sky: Sky;
  readonly random: Random;
  readonly appended: Appended[];
  readonly begun: Begun[];
  readonly unexpected: string[];
}

const sleep = (world: World, ms: number): Promise<void> => new Promise((resolve) => world.after(ms, resolve));

interface SimulatedProcess extends Viewer {
  readonly name: string;
  readonly region: RegionName;
  readonly homes: Homes<Wadi>;
  readonly clock: Clock;
  freeze(ms: number): void;
}

function startProcess(stage: Stage, region: RegionName, name: string): SimulatedProcess {
  const { world, sky, random } = stage;
  const skewMs = random.pick(SKEWS_MS);
  let frozenUntilMs = 0;
  const viewer: Viewer = {
    region,
    async awake() {
      while (world.nowMs < frozenUntilMs || sky.isDown(region))
        await sleep(world, Math.max(1_000, frozenUntilMs - world.nowMs));
    },
  };
  const clock: Clock = {
    now: () => Math.floor(world.nowMs + skewMs),
    random: random.bytes,
    async sleep(ms, signal) {
      await new Promise<void>((resolve) => {
        signal?.addEventListener('abort', () => resolve(), { once: true });
        world.after(ms, resolve);
      });
      await viewer.awake();
    },
  };
  const seen = Object.fromEntries(REGIONS.map((each) => [each, sky.see(viewer, each)])) as Record<
    RegionName,
    ReturnType<Sky['see']>
  >;
  const asked = REGIONS.map((each) => ({ name: each, metadata: seen[each].tables.metadata }));
  const authority = createAuthority(asked, clock, AUTHORITY);
  const homes = createHomes(authority, (home) => {
    const others = REGIONS.filter((each) => each !== home.home);
    const limits = { pollMs: 50, waitMs: 3 * MAX_LAG_MS };
    return createWadi({
      storage: {
        ...homeTables(home, (each) => seen[each as RegionName].tables, authority),
        objects: seen[region].objects,
        close: async () => undefined,
      },
      arrived: createArrived(
        others.map((each) => seen[each].tables.log),
        home.epoch,
        clock,
        limits,
      ),
      regions: {
        local: region,
        all: REGIONS.map((each, i) => ({ id: i + 1, name: each, objects: seen[each].objects })),
      },
      ...{ clock, limits: LOG, clusterId: 'simulated', warn: () => undefined },
    });
  });
  return {
    ...{ ...viewer, name, region, homes, clock },
    freeze(ms) {
      world.trace(name, 'frozen', ms);
      frozenUntilMs = world.nowMs + ms;
    },
  };
}

async function newTopic(process: SimulatedProcess, random: Random): Promise<Topic> {
  const configs = { 'partitions.per.head': String(random.between(1, 2)), 'min.insync.replicas': '2' };
  for (let attempt = 0; ; attempt++) {
    try {
      const { topics } = await process.homes.current();
      const known = (await topics.list()).find(({ name }) => name === 'orders');
      return known ?? (await topics.create({ name: 'orders', partitions: 2, configs }));
    } catch (error) {
      if (attempt === 100) throw error;
    }
  }
}

/** One record after the other, through whatever process comes to hand. */
async function produce(
  { world, random, appended }: Stage,
  topic: Topic,
  processes: readonly SimulatedProcess[],
  client: number,
  untilMs: number,
): Promise<void> {
  for (let i = 0; world.nowMs < untilMs; i++) {
    const process = random.pick(processes);
    const partition = random.below(2);
    const text = `${client}/${i}`;
    const made = batch([random.chance(0.3) ? text.padEnd(4_500, '.') : text]);
    const record: Appended = {
      ...{ partition, text, invokedMs: world.nowMs, returnedMs: Number.POSITIVE_INFINITY, offset: undefined },
    };
    appended.push(record);
    const append = async () => {
      const wadi = await process.homes.current();
      const durability = { acks: 'all', minInsyncReplicas: 2 } as const;
      const [result] = await wadi.log.append(topic, [{ partition, batches: [made] }], durability);
      return result!.ok ? result!.offsets[0] : undefined;
    };
    let isWaiting = true;
    const answer = append().then(
      async (offset) => {
        await process.awake();
        // A client that has gone hears no answer.
        if (isWaiting) Object.assign(record, { offset, returnedMs: world.nowMs });
      },
      () => undefined,
    );
    await Promise.race([answer, sleep(world, CLIENT_TIMEOUT_MS)]);
    isWaiting = false;
    world.trace('append', partition, text, record.offset ?? '-');
    await sleep(world, random.between(10, 600));
  }
}

/** A region is lost or cut off, for a while, and an operator makes another home: sometimes two at once, sometimes in vain. */
async function trouble(stage: Stage, untilMs: number): Promise<void> {
  const { world, sky, random } = stage;
  await sleep(world, random.between(1_000, 20_000));
  while (world.nowMs < untilMs) {
    const region = random.pick(REGIONS);
    const isStruck = random.chance(0.7) && REGIONS.every((each) => sky.isWhole(each));
    if (isStruck) sky.strike(region, random.pick(['down', 'cut']));
    await sleep(world, random.between(100, 5_000));
    const others = REGIONS.filter((each) => each !== region);
    if (random.chance(0.8)) {
      const operators = Array.from({ length: random.chance(0.2) ? 2 : 1 }, () =>
        takeOver(stage, random.pick(random.chance(0.8) ? others : REGIONS)),
      );
      await Promise.all(operators);
    }
    await sleep(world, random.between(500, 30_000));
    if (isStruck) sky.heal(region);
    await sleep(world, random.between(500, 20_000));
  }
}

async function takeOver(stage: Stage, to: RegionName, steadily = false): Promise<void> {
  const { world, sky, random, begun } = stage;
  const clock: Clock = {
    now: () => Math.floor(world.nowMs),
    random: random.bytes,
    sleep: (ms) => sleep(world, ms),
  };
  const viewer: Viewer = { region: undefined, awake: async () => undefined };
  const regions = REGIONS.map((name) => ({ name, ...sky.see(viewer, name) }));
  const diesAt = !steadily && random.chance(0.15) ? random.between(1, 6) : 0;
  for (let attempt = 0; attempt < 4; attempt++) {
    let steps = 0;
    const beganMs = world.nowMs;
    let unheard: Begins | undefined;
    const told = (progress: string, begins?: Begins) => {
      world.trace('operator', to, progress);
      if (++steps === diesAt && attempt === 0) throw new Error('killed');
      unheard = begins;
    };
    try {
      const report = await failover({ regions, clock, limits: FAILOVER, told }, to);
      if (report !== undefined) {
        world.trace('home', to, report.epoch, report.source, JSON.stringify(report.lost));
        begun.push({ ...report, beganMs, readyMs: world.nowMs });
      }
      return;
    } catch (error) {
      world.trace('failover', to, (error as Error).message);
      if (unheard) begun.push({ ...unheard, beganMs, readyMs: world.nowMs });
      await sleep(world, random.between(100, 5_000));
    }
  }
}

async function freeze(
  { world, random }: Stage,
  processes: readonly SimulatedProcess[],
  untilMs: number,
): Promise<void> {
  while (world.nowMs < untilMs) {
    await sleep(world, random.between(500, 20_000));
    if (random.chance(0.5)) random.pick(processes).freeze(random.pick(FREEZES_MS));
  }
}

/** Merges, collects garbage, and brings regions back in sync, through processes that may be of a home that was. */
async function keep(
  { world, random }: Stage,
  topic: Topic,
  processes: readonly SimulatedProcess[],
  untilMs: number,
): Promise<void> {
  while (world.nowMs < untilMs) {
    await sleep(world, random.between(200, 4_000));
    const { homes, clock } = random.pick(processes);
    const work = async () => {
      const { storage, replication } = await homes.current();
      const { log: items, metadata } = storage;
      const put: typeof storage.objects.put = (key, chunks) =>
        storage.objects.put(key, chunks, { minInsyncReplicas: 2 });
      const context = { objects: { ...storage.objects, put }, items, clock };
      const drawn = random.real();
      if (drawn < 0.4) {
        const isOver = () => false;
        await rejoin({ replication: replication!, items, metadata, clock, isOver, dueAtMs: 0 }, {});
      } else if (drawn < 0.9) {
        await mergePartition(context, topic, random.below(2), { segmentBytes: 1 << 30, force: true });
      } else {
        // Longer than anything is under way, as it is deployed.
        await collectGarbage(context, topic, { graceMs: 10 * MAX_LAG_MS });
      }
    };
    await Promise.race([work().catch(() => undefined), sleep(world, CLIENT_TIMEOUT_MS)]);
  }
}

/** All is whole again: somebody is home, every region takes records, and everything can be read. */
async function rest(
  stage: Stage,
  topic: Topic,
  processes: readonly SimulatedProcess[],
): Promise<Map<number, string>[]> {
  const { world, sky, random, appended, unexpected } = stage;
  for (const region of REGIONS) sky.heal(region);
  sky.clear();
  await sleep(world, 130_000);
  await takeOver(stage, random.pick(REGIONS), true);
  await sleep(world, 2 * AUTHORITY.leaseMs);
  for (const process of processes) {
    for (let partition = 0; partition < 2; partition++) {
      const text = `last ${process.name} ${partition}`;
      const invokedMs = world.nowMs;
      try {
        const wadi = await process.homes.current();
        const [result] = await wadi.log.append(topic, [{ partition, batches: [batch([text])] }]);
        if (!result!.ok) throw result!.error;
        const offset = result!.offsets[0];
        appended.push({ partition, text, invokedMs, returnedMs: world.nowMs, offset });
      } catch (error) {
        unexpected.push(`${process.name} takes no record: ${(error as Error).message}`);
      }
    }
  }
  const reader = startProcess(stage, 'a', 'reader');
  const { log } = await reader.homes.current();
  return Promise.all(
    [0, 1].map(async (partition) => {
      const records = await readAll(log, topic, partition);
      return new Map(records.map(([offset, text]) => [offset, text.replaceAll('.', '')]));
    }),
  );
}

function check(
  { sky, appended, begun, unexpected }: Stage,
  found: readonly Map<number, string>[],
): PropertyReport[] {
  const twice: string[] = [];
  const lost: string[] = [];
  const wrong: string[] = [];
  const acknowledged = appended.filter(({ offset }) => offset !== undefined);
  const given = new Map<string, Appended>();
  for (const record of acknowledged) {
    const place = `${record.partition}/${record.offset}`;
    const before = given.get(place);
    if (before !== undefined) twice.push(`${place} was given to ${before.text} and to ${record.text}`);
    given.set(place, record);
  }
  const texts = new Map(appended.map(({ text, partition }) => [text, partition]));
  for (const [partition, records] of found.entries()) {
    const seen = new Set<string>();
    for (const [offset, text] of records) {
      if (texts.get(text) !== partition || seen.has(text)) wrong.push(`${text} is at ${partition}/${offset}`);
      seen.add(text);
      const owner = given.get(`${partition}/${offset}`);
      if (owner !== undefined && owner.text !== text)
        wrong.push(`${partition}/${offset} was given to ${owner.text}, and has ${text}`);
    }
  }
  const windows = begun.filter(({ from, source }) => from !== source).map((each) => windowOf(sky, each));
  if (found.length > 0) {
    for (const { partition, offset, text, invokedMs, returnedMs } of acknowledged) {
      if (found[partition]!.get(offset!) === text) continue;
      if (windows.some(([from, to]) => invokedMs <= to && returnedMs >= from)) continue;
      lost.push(
        `${text}, acknowledged at ${partition}/${offset} ${Math.round(returnedMs - START_MS)} ms after the start`,
      );
    }
  }
  return [
    { property: 'no offset is acknowledged twice', checked: acknowledged.length, violations: twice },
    {
      property: 'an offset holds what was acknowledged there, or nothing',
      checked: acknowledged.length,
      violations: wrong,
    },
    {
      property: 'what had time to arrive before its home was lost, or was appended after, is not lost',
      checked: acknowledged.length,
      violations: lost,
    },
    {
      property: 'when all is whole again, every region takes records',
      checked: appended.length,
      violations: unexpected,
    },
  ];
}

/** What may be lost: acknowledged too late to arrive, before another began to be home. */
function windowOf(sky: Sky, { from, source, beganMs, readyMs }: Begun): [number, number] {
  let severedMs = beganMs;
  // Of one that was cut off twice in a row, what was held back the first time may have come in part.
  for (const { fromMs, untilMs } of sky.severed(from as RegionName, source as RegionName).toReversed()) {
    if (fromMs <= readyMs && untilMs >= severedMs - 2 * MAX_LAG_MS) severedMs = Math.min(severedMs, fromMs);
  }
  return [severedMs - MAX_LAG_MS - MARGIN_MS, readyMs];
}
