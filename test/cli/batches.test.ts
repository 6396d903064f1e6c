import { setTimeout as sleep } from 'node:timers/promises';
import { type BatchLimits, batches } from '../../lib/cli/batches.ts';

const limits: BatchLimits = { maxRecords: 3, maxBytes: 10, lingerMs: 20 };
const sized = (...sizes: number[]) => sizes.map((bytes) => ({ bytes }));

async function collect(input: AsyncIterable<{ bytes: number }[]>): Promise<number[][]> {
  const found: number[][] = [];
  for await (const batch of batches(input, limits)) found.push(batch.map(({ bytes }) => bytes));
  return found;
}

test('a batch ends before it has too many records or too many bytes', async () => {
  async function* input() {
    yield sized(1, 1);
    yield sized(1, 1, 9, 1, 1, 50);
    yield sized(2);
  }
  expect(await collect(input())).toEqual([[1, 1, 1], [1, 9], [1, 1], [50], [2]]);
});

test('a batch is not kept waiting for input that is slow to come', async () => {
  async function* input() {
    yield sized(1);
    await sleep(100);
    yield sized(2);
    yield sized(3);
  }
  expect(await collect(input())).toEqual([[1], [2, 3]]);
});

test('input that fails does so after the batches before it', async () => {
  async function* input() {
    yield sized(1, 2, 3, 4);
    throw new Error('torn');
  }
  const found: number[] = [];
  const reading = async () => {
    for await (const batch of batches(input(), limits)) found.push(batch.length);
  };
  await expect(reading()).rejects.toThrow('torn');
  expect(found).toEqual([3]);
});
