import { newBucket, refilled, take } from '../../lib/quota/bucket.ts';
import { createQuotas, MAX_QUOTAS } from '../../lib/quota/quotas.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type Storage, StorageError } from '../../lib/storage/ports.ts';
import { type Intercept, intercepted } from '../support/faults.ts';
import { testClock } from '../support/log.ts';

describe('a bucket', () => {
  test('holds ten seconds’ worth, and fills with time', () => {
    const full = newBucket(100, 0);
    expect(full).toEqual({ bytes: 1_000, atMs: 0 });
    expect(refilled({ bytes: 0, atMs: 0 }, 100, 2_500)).toEqual({ bytes: 250, atMs: 2_500 });
    expect(refilled(full, 100, 60_000)).toEqual({ bytes: 1_000, atMs: 60_000 });
  });

  test('gives all that is asked for while there is anything, and then nothing until that is made up for', () => {
    const { bucket, waitMs } = take(newBucket(100, 0), 100, { owed: 0, bytes: 5_000 }, 0);
    expect([bucket.bytes, waitMs]).toEqual([-4_000, 0]);
    expect(take(bucket, 100, { owed: 0, bytes: 1 }, 10_000)).toEqual({
      bucket: { bytes: -3_000, atMs: 10_000 },
      waitMs: 30_000,
    });
    expect(take(bucket, 100, { owed: 0, bytes: 1 }, 40_100).waitMs).toBe(0);
  });

  test('has what is owed paid first', () => {
    expect(take(newBucket(100, 0), 100, { owed: 1_200, bytes: 50 }, 0)).toEqual({
      bucket: { bytes: -200, atMs: 0 },
      waitMs: 2_000,
    });
  });

  test('fills by no clock that is behind', () => {
    expect(refilled({ bytes: 10, atMs: 5_000 }, 100, 1_000)).toEqual({ bytes: 10, atMs: 5_000 });
  });
});

function started(storage: Storage = memoryStorage(), clock = testClock()) {
  const open = (intercept?: Intercept) => {
    const { metadata, log } = intercept ? intercepted(storage, intercept) : storage;
    return createQuotas({ metadata, log, clock });
  };
  return { storage, clock, open, quotas: open() };
}

/** How many bytes go through in a time, in requests of some size, by several processes in turn. */
async function through(
  processes: ReturnType<typeof createQuotas>[],
  clock: ReturnType<typeof testClock>,
  { ms, bytes, principal = 'User:anna' }: { ms: number; bytes: number; principal?: string },
): Promise<number> {
  let all = 0;
  for (let i = 0; i < ms / 10; i++) {
    const quotas = processes[i % processes.length]!;
    const isIn = await quotas.admit(principal, 'produce').then(
      () => true,
      () => false,
    );
    if (isIn) {
      quotas.spend(principal, 'produce', bytes);
      all += bytes;
    }
    clock.advance(10);
  }
  return all;
}

test.each([1, 4])(
  'a principal gets its rate, and what it has saved up, through %d processes',
  async (count) => {
    const { clock, open, quotas } = started();
    await quotas.alter([{ principal: 'User:anna', producerByteRate: 10_000 }]);
    const processes = Array.from({ length: count }, () => open());
    const saved = 100_000;
    const bytes = await through(processes, clock, { ms: 60_000, bytes: 1_000 });
    expect(bytes).toBeGreaterThan(0.8 * (saved + 600_000));
    expect(bytes).toBeLessThan(1.05 * (saved + 600_000) + count * 5_000);
  },
);

test('of many at once in a process none forgets what another has spent', async () => {
  const { clock, open, quotas } = started();
  await quotas.alter([{ principal: 'User:anna', producerByteRate: 1_000 }]);
  const slow = open(async (_, proceed) => {
    await new Promise(setImmediate);
    return proceed();
  });
  let bytes = 0;
  for (let second = 0; second < 200; second++) {
    const sending = Array.from({ length: 8 }, async () => {
      await slow.admit('User:anna', 'produce');
      slow.spend('User:anna', 'produce', 5_000);
      bytes += 5_000;
    });
    await Promise.allSettled(sending);
    clock.advance(1_000);
  }
  expect(bytes).toBeGreaterThan(0.8 * 210_000);
  expect(bytes).toBeLessThan(1.3 * 210_000);
});

test('a debt is paid, though the store failed meanwhile, and once, though an answer was lost', async () => {
  const { clock, open, quotas } = started();
  await quotas.alter([{ principal: 'User:anna', producerByteRate: 1_000 }]);
  let fault: 'none' | 'gone' | 'lost' = 'none';
  const faulty = open(async (call, proceed) => {
    if (call.store !== 'log' || fault === 'none') return proceed();
    if (fault === 'gone') throw new Error('the store is gone');
    if (call.operation !== 'put') return proceed();
    fault = 'none';
    await proceed();
    throw new StorageError('no answer', 'unknown');
  });
  await faulty.admit('User:anna', 'produce');
  faulty.spend('User:anna', 'produce', 30_000);
  fault = 'gone';
  await expect(faulty.admit('User:anna', 'produce')).rejects.toThrow('the store is gone');
  fault = 'lost';
  await expect(faulty.admit('User:anna', 'produce')).rejects.toMatchObject({ retryAfterMs: 20_000 });
  clock.advance(20_100);
  await faulty.admit('User:anna', 'produce');
});

test('a clock that was an hour ahead is not waited for', async () => {
  const { clock, quotas } = started();
  await quotas.alter([{ principal: 'User:anna', producerByteRate: 1_000 }]);
  clock.advance(3_600_000);
  await quotas.admit('User:anna', 'produce');
  quotas.spend('User:anna', 'produce', 15_000);
  clock.advance(-3_600_000);
  await expect(quotas.admit('User:anna', 'produce')).rejects.toThrow('try again');
  clock.advance(10_000);
  await quotas.admit('User:anna', 'produce');
});

test('who is above it is told when to come again, and others are not', async () => {
  const { clock, quotas } = started();
  await quotas.alter([{ principal: 'User:anna', producerByteRate: 1_000 }]);
  await quotas.admit('User:anna', 'produce');
  quotas.spend('User:anna', 'produce', 50_000);
  await expect(quotas.admit('User:anna', 'produce')).rejects.toMatchObject({
    kafka: 'THROTTLING_QUOTA_EXCEEDED',
    retryAfterMs: 40_000,
  });
  await quotas.admit('User:anna', 'fetch');
  await quotas.admit('User:ben', 'produce');
  clock.advance(40_001);
  await quotas.admit('User:anna', 'produce');
});

test('everyone’s quota is each one’s who has none, and of its own', async () => {
  const { quotas } = started();
  await quotas.alter([{ principal: 'User:*', consumerByteRate: 1_000 }]);
  await quotas.alter([{ principal: 'User:root', producerByteRate: 1 }]);
  for (const principal of ['User:anna', 'User:ben', 'User:root']) {
    await quotas.admit(principal, 'fetch');
    quotas.spend(principal, 'fetch', 20_000);
  }
  await expect(quotas.admit('User:anna', 'fetch')).rejects.toThrow('1000 bytes a second');
  await expect(quotas.admit('User:ben', 'fetch')).rejects.toThrow('1000 bytes a second');
  await quotas.admit('User:root', 'fetch');
});

test('where there is no quota nothing is counted, and a quota costs two calls a half second', async () => {
  const calls: string[] = [];
  const { clock, open } = started();
  const quotas = open((call, proceed) => {
    if (call.store === 'log') calls.push(call.operation);
    return proceed();
  });
  await quotas.admit('User:anna', 'produce');
  expect(calls).toEqual([]);
  await quotas.alter([{ principal: 'User:anna', producerByteRate: 1_000_000 }]);
  for (let i = 0; i < 100; i++) {
    await quotas.admit('User:anna', 'produce');
    quotas.spend('User:anna', 'produce', 1_000);
    clock.advance(10);
  }
  expect(calls.length).toBeLessThanOrEqual(6);
});

test('quotas are listed, altered and taken away', async () => {
  const { quotas } = started();
  await quotas.alter([{ principal: 'User:b', producerByteRate: 5 }]);
  await quotas.alter([{ principal: 'User:a', producerByteRate: 5, consumerByteRate: 7 }]);
  expect(await quotas.list()).toEqual([
    { principal: 'User:a', producerByteRate: 5, consumerByteRate: 7 },
    { principal: 'User:b', producerByteRate: 5 },
  ]);
  await quotas.alter([{ principal: 'User:a' }]);
  expect(await quotas.list()).toEqual([{ principal: 'User:b', producerByteRate: 5 }]);
});

test('there are no more quotas than every process can hold; more than that changes nothing, to replace or take away is no more', async () => {
  const { quotas, storage } = started();
  for (let i = 0; i < MAX_QUOTAS; i++) {
    await storage.metadata.put({ pk: 'quota', sk: `User:${i}`, producerByteRate: 5, version: 1 });
  }
  const [one, other] = ['User:anna', 'User:ben'].map((principal) => ({ principal, consumerByteRate: 7 }));
  const changed = { principal: 'User:0', producerByteRate: 9 };
  await expect(quotas.alter([changed, one!])).rejects.toMatchObject({ kafka: 'POLICY_VIOLATION' });
  expect(await quotas.list()).toHaveLength(MAX_QUOTAS);
  expect(await quotas.list()).toContainEqual({ principal: 'User:0', producerByteRate: 5 });
  await quotas.alter([changed]);
  expect(await quotas.list()).toContainEqual(changed);
  await quotas.alter([one!, { principal: 'User:1' }]);
  await expect(quotas.alter([other!])).rejects.toMatchObject({ kafka: 'POLICY_VIOLATION' });
  await quotas.alter([{ principal: 'User:2' }]);
  await quotas.alter([other!]);
});

test('a copy of a change that lands behind the removal does not bring the quota back', async () => {
  const { quotas, open } = started();
  let late: (() => Promise<unknown>) | undefined;
  const copied = open(async ({ operation }, proceed) => {
    if (operation === 'put') late ??= proceed;
    return proceed();
  });
  await copied.alter([{ principal: 'User:anna', producerByteRate: 5 }]);
  await quotas.alter([{ principal: 'User:anna' }]);
  await late!();
  expect(await quotas.list()).toEqual([]);
});
