/**
 * Consumer groups under change: members join, leave, crash and freeze while records come in. How long a group takes to settle, how
 * many partitions move, and what a member costs. Every record must be processed, by somebody, at least once; a change of one member
 * moves as few partitions as can be; a group settles within a session and 15 s; what a frozen member commits is refused, and its
 * successors' positions stand. `npm run bench:groups`.
 */
import { systemClock } from '../lib/clock.ts';
import { WadiError } from '../lib/errors.ts';
import type { MemberName, MemberState, RecordsPage } from '../lib/group/groups.ts';
import { decodeBatches } from '../lib/record/decode.ts';
import { encodeBatch } from '../lib/record/encode.ts';
import { memoryStorage } from '../lib/storage/memory/memory.ts';
import { createWadi, type Wadi } from '../lib/wadi.ts';
import { dollars, type Meter, metered, newMeter } from './metering.ts';
import { benchOptions } from './options.ts';
import { type Cell, printTable } from './table.ts';

const options = benchOptions(
  'groups',
  'How long a group takes to settle, how many partitions move, and what a member costs.',
  {
    members: [[3, 30, 300], 'of the groups'],
    partitions: [1_000, 'of the topic'],
    processes: [4, 'that share nothing but the storage'],
    sessionMs: [10_000, 'of a member'],
    appendsPerSecond: [50, 'of a record each'],
    stableSeconds: [20, 'in which the requests of a settled group are counted'],
    s3Ms: [10, 'what a request to S3 takes, in milliseconds'],
    dynamodbMs: [3, 'what a request to DynamoDB takes, in milliseconds'],
  },
);
const PARTITIONS = options.partitions;
const SESSION_MS = options.sessionMs;
const STABLE_MS = 1_000 * options.stableSeconds;
const latency = { objectMs: options.s3Ms, itemMs: options.dynamodbMs };
const GROUP = 'bench';
const TOPIC = 'bench';
const POLL_MS = 5_000;
const CHECK_MS = 25;
const GIVE_UP_MS = 180_000;
/** A group settles within so long, or a session longer if somebody was not heard of. */
const SETTLED_MS = 15_000;

interface Consumer {
  readonly name: MemberName;
  /** It does nothing while this is set. */
  frozen: boolean;
  stopped: boolean;
  readonly running: Promise<void>;
}

const changes: Cell[][] = [];
const costs: Cell[][] = [];
const outcomes: Cell[][] = [];
let failed = false;
for (const members of options.members) await bench(members);
printTable(
  `${PARTITIONS} partitions, records coming in, DynamoDB at ${latency.itemMs} ms, sessions of ${SESSION_MS / 1_000} s`,
  ['members', 'change', 'settled after s', 'partitions moved', 'at least'],
  changes,
);
printTable(
  'a minute of a member of a settled group',
  ['members', 'with', 'reads', 'writes', 'read units', 'write units', '$ a month'],
  costs,
);
printTable('records', ['members', 'acknowledged', 'processed', 'more than once', 'missed'], outcomes);
if (failed) process.exitCode = 1;

async function bench(count: number): Promise<void> {
  const storage = memoryStorage();
  const meter = newMeter();
  const unmetered = await createWadi({ storage, clusterId: 'bench' });
  const processes = await Promise.all(
    Array.from({ length: options.processes }, () =>
      createWadi({ storage: metered(storage, meter, latency), clusterId: 'bench' }),
    ),
  );
  await unmetered.topics.create({ name: TOPIC, partitions: PARTITIONS });
  const anyOf = (n: number): Wadi => processes[n % processes.length]!;
  const processed = new Map<string, number>();
  const acknowledged: string[] = [];
  const consumers: Consumer[] = [];
  const join = async (n: number) => {
    const consumer = await startConsumer(anyOf, `member-${n}`, n, processed);
    consumers.push(consumer);
  };
  const stop = async (consumer: Consumer) => {
    consumer.stopped = true;
    await consumer.running;
    consumers.splice(consumers.indexOf(consumer), 1);
  };
  const live = () => new Set(consumers.filter(({ frozen }) => !frozen).map(({ name }) => name.name));
  let owners = new Map<number, string>();
  const change = async (what: string, atLeast: number, make: () => Promise<unknown>) => {
    console.error(`${count} members: ${what}`);
    const begunMs = performance.now();
    await make();
    const before = owners;
    owners = await settled(unmetered, live());
    const moved = [...owners].filter(([partition, name]) => {
      const last = before.get(partition);
      return last !== undefined && last !== name;
    });
    const tookMs = performance.now() - begunMs;
    const row = [count, what, (tookMs / 1_000).toFixed(1), before.size === 0 ? '' : moved.length, atLeast];
    changes.push(row);
    if (tookMs > SESSION_MS + SETTLED_MS) fail(`${row.join(', ')}: that is late`);
    // Several that leave and come are seen one after the other.
    const most = what.startsWith('one ') ? atLeast : 2 * atLeast;
    if (moved.length > most && before.size > 0) fail(`${row.join(', ')}: more have moved than need be`);
  };
  const measure = async (what: string) => {
    const before = { ...meter };
    const fromMs = performance.now();
    await systemClock.sleep(STABLE_MS);
    const minutes = ((performance.now() - fromMs) / 60_000) * count;
    const used = Object.fromEntries(
      Object.entries(meter).map(([key, value]) => [key, value - before[key as keyof Meter]]),
    ) as unknown as Meter;
    const each = (n: number) => (n / minutes).toFixed(1);
    costs.push([
      ...[
        count,
        what,
        each(used.itemReads),
        each(used.itemWrites),
        each(used.readUnits),
        each(used.writeUnits),
      ],
      `$${((dollars(used) / minutes) * 60 * 24 * 30).toFixed(2)}`,
    ]);
  };
  const share = (of: number) => Math.floor(PARTITIONS / of);
  const heldBy = (consumer: Consumer) =>
    [...owners.values()].filter((name) => name === consumer.name.name).length;

  await change(`${count} join at once`, 0, () =>
    Promise.all(Array.from({ length: count }, (_, n) => join(n))),
  );

  await measure('idle');
  const producer = startProducer(unmetered, acknowledged);
  await measure(`${options.appendsPerSecond} records/s`);

  await change('one joins', share(count + 1), () => join(count));
  await change('one leaves', heldBy(consumers[0]!), () => stop(consumers[0]!));
  const crashed = consumers[0]!;
  await change('one crashes', heldBy(crashed), async () => {
    crashed.frozen = true;
  });
  consumers.splice(consumers.indexOf(crashed), 1);
  const frozen = consumers[0]!;
  const before = new Map(owners);
  await change('one freezes', heldBy(frozen), async () => {
    frozen.frozen = true;
  });
  const lost = [...before].flatMap(([partition, name]) => (name === frozen.name.name ? [partition] : []));
  const names = lost.map((partition) => ({ topic: TOPIC, partition }));
  const stands = await anyOf(0).groups.committed(GROUP, names);
  const old = names.map((each) => ({ ...each, offset: 0 }));
  await refused(() => anyOf(0).groups.commit(frozen.name, old));
  await refused(() => anyOf(0).groups.commit(frozen.name));
  await refused(() => anyOf(1).groups.heartbeat(frozen.name));
  const after = await anyOf(1).groups.committed(GROUP, names);
  for (const [i, each] of stands.entries())
    if ((after[i]?.offset ?? -1) < (each?.offset ?? -1))
      fail(`the position of partition ${lost[i]} went back`);
  consumers.splice(consumers.indexOf(frozen), 1);
  const tenth = Math.max(1, Math.floor(count / 10));
  const leaving = consumers.slice(0, tenth);
  const moves = leaving.reduce((sum, consumer) => sum + heldBy(consumer), 0);
  await change(`${tenth} leave, ${tenth} join`, moves, () =>
    Promise.all([...leaving.map(stop), ...leaving.map((_, n) => join(count + 1 + n))]),
  );

  await producer.stop();
  const missing = () => acknowledged.filter((record) => !processed.has(record)).length;
  for (let waited = 0; missing() > 0 && waited < GIVE_UP_MS; waited += CHECK_MS)
    await systemClock.sleep(CHECK_MS);
  await Promise.all([...consumers].map(stop));
  const twice = [...processed.values()].reduce((sum, times) => sum + times - 1, 0);
  outcomes.push([count, acknowledged.length, processed.size, twice, missing()]);
  if (missing() > 0) fail(`${missing()} records are missed`);
  for (const process of processes) await process.log.settled();
}

/** Who holds each partition, when each is held by one of the live, and the same for all of a second. */
async function settled(wadi: Wadi, live: ReadonlySet<string>): Promise<Map<number, string>> {
  for (let waited = 0; waited < GIVE_UP_MS; waited += CHECK_MS) {
    const { members, state } = await wadi.groups.describe(GROUP);
    const owners = new Map<number, string>();
    for (const { name, assigned } of members) {
      for (const { partition } of assigned) if (live.has(name)) owners.set(partition, name);
    }
    if (owners.size === PARTITIONS && state === 'stable' && members.length === live.size) return owners;
    await systemClock.sleep(CHECK_MS);
  }
  throw new Error('the group does not settle');
}

async function refused(call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (error instanceof WadiError && error.kafka === 'UNKNOWN_MEMBER_ID') return;
    throw error;
  }
  fail('a frozen member was not refused');
}

function fail(why: string): void {
  failed = true;
  console.error(why);
}

function startProducer(wadi: Wadi, acknowledged: string[]): { stop(): Promise<void> } {
  let done = false;
  const everyMs = 1_000 / options.appendsPerSecond;
  const running = (async () => {
    const topic = await wadi.topics.lookup(TOPIC);
    for (let n = 0; !done; n++) {
      const partition = (n * 7_919) % PARTITIONS;
      const value = Buffer.from(`record ${n}`);
      const timestamp = Date.now();
      const bytes = encodeBatch([{ timestamp, key: null, value, headers: [] }], {});
      const batch = { bytes, recordCount: 1, maxTimestamp: timestamp, producer: undefined };
      const [result] = await wadi.log.append(topic, [{ partition, batches: [batch] }]);
      if (!result!.ok) throw result!.error;
      acknowledged.push(`${partition}/${result!.offsets[0]}`);
      await systemClock.sleep(everyMs);
    }
  })();
  return {
    async stop() {
      done = true;
      await running;
    },
  };
}

/** Polls, processes and commits until it is stopped; its calls go through all processes in turn. */
async function startConsumer(
  anyOf: (n: number) => Wadi,
  instance: string,
  seed: number,
  processed: Map<string, number>,
): Promise<Consumer> {
  let turn = seed;
  const groups = () => anyOf(turn++).groups;
  const config = {
    autoOffsetReset: 'earliest',
    enableAutoCommit: false,
    sessionTimeoutMs: SESSION_MS,
  } as const;
  const name = await groups().create(GROUP, config, instance);
  await groups().subscribe(name, { topics: [TOPIC] });
  const consumer = { name, frozen: false, stopped: false, running: Promise.resolve() };
  const run = async () => {
    for (let n = 0; !consumer.stopped; n++) {
      const records: string[] = [];
      const page = (): RecordsPage => {
        records.length = 0;
        return pageInto(records);
      };
      try {
        await poll(page, n);
        if (consumer.frozen) return;
        for (const record of records) processed.set(record, (processed.get(record) ?? 0) + 1);
        if (records.length > 0) await groups().commit(name);
      } catch (error) {
        if (consumer.frozen) return;
        if (!(error instanceof WadiError)) throw error;
        // A partition went to another between poll and commit.
        if (error.kafka !== 'FENCED_MEMBER_EPOCH') throw error;
      }
    }
    await groups().leave(name);
  };
  const poll = (page: () => RecordsPage, n: number): Promise<MemberState> =>
    groups().poll(name, { page, maxWaitMs: POLL_MS, idempotencyKey: `${instance}/${n}` });
  return Object.assign(consumer, { running: run() });
}

function pageInto(records: string[]): RecordsPage {
  return {
    add(_, partition, { bytes, nextOffset }, from) {
      const before = records.length;
      for (const { offset } of decodeBatches(bytes, { fromOffset: from }))
        records.push(`${partition}/${offset}`);
      return { records: records.length - before, nextOffset, full: false };
    },
  };
}
