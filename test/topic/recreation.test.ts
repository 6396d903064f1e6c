import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import type { Key } from '../../lib/storage/ports.ts';
import { createWadi } from '../../lib/wadi.ts';
import { intercepted } from '../support/faults.ts';

/** The log does not look into a batch that was validated. */
const batch = { bytes: new Uint8Array(100), recordCount: 3, maxTimestamp: 1, producer: undefined };

test('a topic created again under its name is empty, also to a process that still knows the old one', async () => {
  const storage = memoryStorage();
  const [here, there] = [await createWadi({ storage }), await createWadi({ storage })];
  const old = await here.topics.create({ name: 'orders' });
  await there.topics.lookup('orders');
  await here.log.append(old, [{ partition: 0, batches: [batch] }]);
  expect(await there.log.bounds(old, 0)).toEqual({ logStartOffset: 0, highWatermark: 3 });

  await here.topics.delete('orders');
  const created = await here.topics.create({ name: 'orders' });

  expect(await here.log.bounds(created, 0)).toEqual({ logStartOffset: 0, highWatermark: 0 });
  const stale = await there.topics.lookup('orders');
  expect(stale.id).toBe(old.id);
  const gone = expect.objectContaining({ kafka: 'UNKNOWN_TOPIC_OR_PARTITION' });
  expect(await there.log.append(stale, [{ partition: 0, batches: [batch] }])).toMatchObject([
    { ok: false, error: gone },
  ]);
  await expect(there.log.bounds(stale, 0)).rejects.toThrow(gone);
  await there.topics.describe('orders');
  const { id } = await there.topics.lookup('orders');
  expect(id).toBe(created.id);
});

test('a late copy of the call that made a head does not bring it back when the topic was deleted', async () => {
  const inner = memoryStorage();
  const sent: (() => Promise<unknown>)[] = [];
  const storage = intercepted(inner, ({ operation, args }, proceed) => {
    if (operation === 'put' && isHeadKey(args[0])) sent.push(proceed);
    return proceed();
  });
  const wadi = await createWadi({ storage });
  const topic = await wadi.topics.create({ name: 'orders' });
  await wadi.topics.delete('orders');
  expect(sent).toHaveLength(2);
  await sent[0]!();

  const gone = { ok: false, error: expect.objectContaining({ kafka: 'UNKNOWN_TOPIC_OR_PARTITION' }) };
  for (const process of [wadi, await createWadi({ storage: inner })]) {
    expect(await process.log.append(topic, [{ partition: 0, batches: [batch] }])).toMatchObject([gone]);
  }
});

test('a late copy of the call that made a topic does not bring it back when it was deleted', async () => {
  const inner = memoryStorage();
  const sent: (() => Promise<unknown>)[] = [];
  const storage = intercepted(inner, ({ operation, args }, proceed) => {
    if (operation === 'put' && (args[0] as Key).pk === 'topic') sent.push(proceed);
    return proceed();
  });
  const wadi = await createWadi({ storage });
  for (let round = 0; round < 2; round++) {
    await wadi.topics.create({ name: 'orders' });
    await wadi.topics.delete('orders');
  }
  for (const late of sent) await late();

  expect(await wadi.topics.list()).toEqual([]);
  await expect(wadi.topics.describe('orders')).rejects.toMatchObject({ kafka: 'UNKNOWN_TOPIC_OR_PARTITION' });
  const created = await wadi.topics.create({ name: 'orders' });
  expect(await wadi.topics.describe('orders')).toMatchObject({ id: created.id });
});

function isHeadKey(item: unknown): boolean {
  return (item as Key).pk.startsWith('head/');
}
