import { createLog } from '../../lib/log/createLog.ts';
import { LIMITS } from '../../lib/log/limits.ts';
import { MAINTENANCE_LIMITS } from '../../lib/maintenance/limits.ts';
import { mergePartition } from '../../lib/maintenance/mergePartition.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import type { Storage } from '../../lib/storage/ports.ts';
import { intercepted } from '../support/faults.ts';
import { readAll } from '../support/log.ts';
import { type Written, written } from './support.ts';

/** One segment of a hundred pieces, of some 4 KB each. */
async function segment(): Promise<{ storage: Storage; world: Written }> {
  const storage = memoryStorage();
  const world = await written(storage, 200, 1);
  const context = { objects: storage.objects, items: storage.log, clock: world.clock };
  const limits = { ...MAINTENANCE_LIMITS, pieceBytes: 4_000 };
  await mergePartition({ ...context, limits }, world.topic, 0, { segmentBytes: 1 << 30, force: true });
  return { storage, world };
}

/** The bytes that each GET of a process of its own asks for. */
function reader(storage: Storage, { clock }: Written, readAheadBytes: number) {
  const gets: number[] = [];
  const counted = intercepted(storage, async (call, proceed) => {
    const [key, range] = call.args as [string, { length: number }?];
    if (call.store === 'objects' && call.operation === 'get' && key.includes('/segments/'))
      gets.push(range!.length);
    return proceed();
  });
  return { gets, log: createLog({ storage: counted, clock, limits: { ...LIMITS, readAheadBytes } }) };
}

test('whoever reads a segment from its beginning gets it with few, large requests', async () => {
  const { storage, world } = await segment();
  const small = reader(storage, world, 0);
  const large = reader(storage, world, 60_000);
  const expected = await readAll(small.log, world.topic, 0, { maxBytes: 1_000 });
  expect(await readAll(large.log, world.topic, 0, { maxBytes: 1_000 })).toEqual(expected);

  const bytes = (gets: number[]) => gets.reduce((sum, length) => sum + length, 0);
  expect(bytes(large.gets)).toBe(bytes(small.gets));
  expect(small.gets.length).toBeGreaterThan(90);
  expect(large.gets.length).toBeLessThan(bytes(small.gets) / 60_000 + 2);
});

test('whoever reads on from the middle reads ahead from the second request on', async () => {
  const { storage, world } = await segment();
  const { gets, log } = reader(storage, world, 40_000);
  for (let offset = 50; offset < 80; offset++) {
    const request = { partition: 0, offset, maxBytes: 1, minBytes: 1, maxWaitMs: 0 };
    expect((await log.fetch(world.topic, request)).nextOffset).toBeGreaterThan(offset);
  }
  expect(gets[0]).toBeLessThan(10_000);
  expect(gets[1]).toBeGreaterThan(30_000);
  expect(gets.length).toBeLessThan(4);
});

test('whoever reads one record reads no more than the piece that it is in', async () => {
  const { storage, world } = await segment();
  const { gets, log } = reader(storage, world, 1 << 20);
  for (const offset of [150, 70, 110, 30]) {
    await log.fetch(world.topic, { partition: 0, offset, maxBytes: 1, minBytes: 1, maxWaitMs: 0 });
  }
  expect(gets).toHaveLength(4);
  for (const length of gets) expect(length).toBeLessThan(10_000);
});
