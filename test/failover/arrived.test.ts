import { ARRIVED_LIMITS, createArrived } from '../../lib/failover/arrived.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type Item, type Key, StorageError } from '../../lib/storage/ports.ts';
import { testClock } from '../support/log.ts';

const ROWS: readonly Key[] = [
  { pk: 'index/t/0', sk: '0' },
  { pk: 'index/t/1', sk: '0' },
];

/** A region's copy, in which each item is there from a time on; it counts how often it is asked. */
function copyWith(clock: ReturnType<typeof testClock>, epoch = 1) {
  const startedAtMs = clock.now();
  const arrivals = new Map<string, number>();
  const copy = {
    asked: 0,
    isDown: false,
    arrives: (pk: string, afterMs: number) =>
      arrivals.set(`${epoch === 1 ? '' : `e${epoch}/`}${pk}`, afterMs),
    async getMany(keys: readonly Key[]): Promise<(Item | undefined)[]> {
      copy.asked++;
      if (copy.isDown) throw new StorageError('it is lost', 'unknown');
      const passedMs = clock.now() - startedAtMs;
      return keys.map(({ pk, sk }) => (passedMs >= (arrivals.get(pk) ?? Infinity) ? { pk, sk } : undefined));
    },
  };
  return copy;
}

async function tookMs(clock: ReturnType<typeof testClock>, waiting: Promise<void>): Promise<number> {
  const fromMs = clock.now();
  await waiting;
  return clock.now() - fromMs;
}

test('it waits until every region shows every item', async () => {
  const clock = testClock();
  const [b, c] = [copyWith(clock), copyWith(clock)];
  b.arrives('index/t/0', 0);
  b.arrives('index/t/1', 300);
  c.arrives('index/t/0', 700);
  c.arrives('index/t/1', 0);
  expect(await tookMs(clock, createArrived([b, c], 1, clock)(ROWS))).toBe(700);
});

test('a region that has shown them is not asked again', async () => {
  const clock = testClock();
  const [b, c] = [copyWith(clock), copyWith(clock)];
  for (const { pk } of ROWS) {
    b.arrives(pk, 0);
    c.arrives(pk, 500);
  }
  await createArrived([b, c], 1, clock)(ROWS);
  expect([b.asked, c.asked]).toEqual([1, 6]);
});

test('it looks under the keys of its epoch', async () => {
  const clock = testClock();
  const b = copyWith(clock, 3);
  for (const { pk } of ROWS) b.arrives(pk, 0);
  expect(await tookMs(clock, createArrived([b], 3, clock)(ROWS))).toBe(0);
  expect(await tookMs(clock, createArrived([b], 2, clock)(ROWS))).toBe(ARRIVED_LIMITS.waitMs);
});

test('it waits no longer than that, whatever does not arrive', async () => {
  const clock = testClock();
  const b = copyWith(clock);
  b.arrives('index/t/0', 0);
  expect(await tookMs(clock, createArrived([b], 1, clock)(ROWS))).toBe(ARRIVED_LIMITS.waitMs);
});

test('a region that does not answer for a moment is waited for', async () => {
  const clock = testClock();
  const b = copyWith(clock);
  for (const { pk } of ROWS) b.arrives(pk, 0);
  const arrived = createArrived([b], 1, clock);
  b.isDown = true;
  const sleep = clock.sleep;
  clock.sleep = async (ms) => {
    await sleep(ms);
    b.isDown = b.asked < 4;
  };
  expect(await tookMs(clock, arrived(ROWS))).toBe(400);
});

test('one that has not answered for long is not, until it answers again', async () => {
  const clock = testClock();
  const b = copyWith(clock);
  const arrived = createArrived([b], 1, clock);
  b.isDown = true;
  clock.advance(ARRIVED_LIMITS.waitMs + 1);
  expect(await tookMs(clock, arrived(ROWS))).toBe(0);
  b.isDown = false;
  expect(await tookMs(clock, arrived(ROWS))).toBe(ARRIVED_LIMITS.waitMs);
});

test('with real tables, of nothing it waits for nothing', async () => {
  const clock = testClock();
  const { log } = memoryStorage();
  expect(await tookMs(clock, createArrived([log], 1, clock)([]))).toBe(0);
  expect(await tookMs(clock, createArrived([], 1, clock)(ROWS))).toBe(0);
});
