import type { JobContext } from '../../lib/maintenance/job.ts';
import { MAINTENANCE_LIMITS } from '../../lib/maintenance/limits.ts';
import { maintainHead } from '../../lib/maintenance/maintainHead.ts';
import { maintainTopic, type TopicCursor, WHOLE_TOPIC } from '../../lib/maintenance/maintainTopic.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import type { Item } from '../../lib/storage/ports.ts';
import { type Call, intercepted } from '../support/faults.ts';
import { append } from '../support/log.ts';
import { keyed } from './compaction.ts';
import { HOUR, type House, house, LOG_LIMITS, rowsOf } from './schedules.ts';

const FORCE = { force: true };
const COMPACTED = { 'cleanup.policy': 'compact', 'retention.ms': '-1' };

function jobOf({ storage, clock }: House, isOver = () => false): JobContext {
  const deadlineMs = clock.now() + HOUR;
  const stores = { objects: storage.objects, items: storage.log };
  return { ...stores, clock, limits: MAINTENANCE_LIMITS, logLimits: LOG_LIMITS, deadlineMs, isOver };
}

/** Sets some keys in a partition, one append each, and lets the tail be rolled. */
async function set({ keeper, topic, clock }: House, partition: number, count: number): Promise<void> {
  const { log } = keeper.wadi;
  for (let i = 0; i < count; i++) {
    const change = [`k${i % 3}`, `${i}`] as const;
    await append(log, topic, partition, keyed([change], clock.now()));
    clock.advance(1_000);
    await log.settled();
  }
}

const isSwap = ({ operation, args }: Call, partition: number): boolean => {
  const { pk, closed } = args[0] as Item;
  return operation === 'put' && closed !== undefined && pk.endsWith(`/${partition}`);
};

test.each(['compact', 'delete'])(
  'a run of a topic with cleanup.policy=%s ends, and comes to every partition, while records are rolled as fast as it works',
  async (policy) => {
    const inner = memoryStorage();
    const world = await house(inner, { configs: { ...COMPACTED, 'cleanup.policy': policy } });
    for (const partition of [0, 1]) await set(world, partition, 12);
    const swaps = [0, 0];
    let busy = false;
    const storage = intercepted(inner, async (call, proceed) => {
      const done = await proceed();
      for (const partition of [0, 1]) {
        if (busy || !isSwap(call, partition)) continue;
        swaps[partition]!++;
        busy = true;
        await set(world, partition, 6);
        busy = false;
      }
      return done;
    });
    const stopped = () => swaps[0]! + swaps[1]! > 50;
    const done = await maintainHead(jobOf({ ...world, storage }, stopped), world.topic, 0, FORCE);
    expect(done.cursor).toBeUndefined();
    for (const partition of [0, 1]) {
      expect(swaps[partition]).toBeGreaterThan(0);
      expect(swaps[partition]).toBeLessThan(5);
    }
  },
);

test('expired records keep no run from ending, though more expire while it works', async () => {
  const inner = memoryStorage();
  const world = await house(inner, { configs: { 'retention.ms': '1500' } });
  await set(world, 0, 12);
  let busy = false;
  let moves = 0;
  const storage = intercepted(inner, async (call, proceed) => {
    const done = await proceed();
    if (!busy && call.operation === 'update' && JSON.stringify(call.args).includes('"start')) {
      moves++;
      busy = true;
      await set(world, 0, 6);
      busy = false;
    }
    return done;
  });
  const done = await maintainHead(
    jobOf({ ...world, storage }, () => moves > 50),
    world.topic,
    0,
    FORCE,
  );
  expect(done.cursor).toBeUndefined();
  expect(moves).toBeLessThan(4);
});

test('a run that is over goes on in the partition where it was, to the ends that it began with, and tells the same', async () => {
  const worlds: House[] = [];
  for (let i = 0; i < 2; i++) {
    const world = await house(memoryStorage(), { partitions: 6 });
    for (let partition = 0; partition < 6; partition++) await set(world, partition, 5 + partition);
    worlds.push(world);
  }
  const [whole, cut] = worlds as [House, House];
  const expected = await run(whole, Number.POSITIVE_INFINITY);
  const actual = await run(cut, 2, async () => {
    await set(cut, 0, 8);
  });
  expect(actual.calls).toBeGreaterThan(5);
  expect(actual.told).toEqual(expected.told);
  expect(actual.counts).toEqual(expected.counts);
  // What came meanwhile is still there to be merged.
  expect((await rowsOf(cut.storage, cut.topic, 0)).length).toBeGreaterThan(1);
  for (let p = 1; p < 6; p++) expect(await rowsOf(cut.storage, cut.topic, p)).toHaveLength(1);
});

/** Looks whether the time is over only so often; each time that it is, `meanwhile` happens, and the cursor is sent. */
async function run(world: House, looks: number, meanwhile = async () => undefined as unknown) {
  const told: unknown[] = [];
  const counts: Record<string, number> = {};
  let cursor: TopicCursor | undefined = WHOLE_TOPIC;
  let calls = 0;
  while (cursor?.step === 'heads' && calls++ < 100) {
    let left = looks;
    const job = jobOf(world, () => left-- <= 0);
    const work = await maintainTopic(job, world.topic, cursor, FORCE, async (index, head) => {
      const { nextDueAtMs, unmergedBytes } = head;
      told.push({ index, nextDueAtMs, unmergedBytes });
    });
    for (const [name, count] of Object.entries(work.counts)) counts[name] = (counts[name] ?? 0) + count;
    cursor = work.cursor && (JSON.parse(JSON.stringify(work.cursor)) as TopicCursor);
    if (cursor?.step === 'heads') await meanwhile();
  }
  const { heads, rolls, merges, rowsAbsorbed } = counts;
  return { calls, told, counts: { heads, rolls, merges, rowsAbsorbed } };
}

test('a forced run whose time is over before the tail was rolled begins with the roll again', async () => {
  const storage = memoryStorage();
  const world = await house(storage);
  await world.write(3);
  // Stopped while it waits for what is too young.
  let looks = 0;
  const isOver = () => looks++ > 1;
  const cut = await maintainTopic(jobOf(world, isOver), world.topic, WHOLE_TOPIC, FORCE, async () => {});
  expect(cut.cursor).toEqual(WHOLE_TOPIC);
  let cursor: TopicCursor | undefined = cut.cursor;
  for (let calls = 0; cursor !== undefined && calls < 10; calls++) {
    ({ cursor } = await maintainTopic(
      jobOf({ ...world, storage }),
      world.topic,
      cursor,
      FORCE,
      async () => {},
    ));
  }
  for (const partition of [0, 1]) expect(await rowsOf(storage, world.topic, partition)).toHaveLength(1);
});
