import { Serdes } from '../../../lib/streams/serdes.ts';
import { memoryByteStore } from '../../../lib/streams/state/byteStore.ts';
import type { StoreChange } from '../../../lib/streams/state/store.ts';
import { windowStoreBuilder } from '../../../lib/streams/state/windowStore.ts';

const builder = windowStoreBuilder('w', Serdes.string, Serdes.string, { windowSizeMs: 10, retentionMs: 100 });

function newStore() {
  const changes: StoreChange[] = [];
  const bytes = memoryByteStore('w', (change) => changes.push(change));
  return { changes, bytes, store: builder.build(bytes) };
}

type Found = Iterable<{
  readonly key: { readonly key: string; readonly window: { readonly startMs: number } };
  readonly value: string;
}>;
const told = (found: Found) =>
  [...found].map(({ key, value }) => `${key.key}@${key.window.startMs}=${value}`);

test('values of a key are fetched by their windows, both bounds included, in either direction', () => {
  const { store } = newStore();
  for (const start of [20, 0, 10, 30]) store.put('a', `v${start}`, start);
  store.put('b', 'other', 10);
  expect(store.fetch('a', 10)).toBe('v10');
  expect(store.fetch('a', 11)).toBeUndefined();
  expect(told(store.fetch('a', 10, 20))).toEqual(['a@10=v10', 'a@20=v20']);
  expect(told(store.backwardFetch('a', 0, 20))).toEqual(['a@20=v20', 'a@10=v10', 'a@0=v0']);
  expect(told(store.fetch('a', -5, Number.POSITIVE_INFINITY))).toHaveLength(4);
  expect(told(store.fetch('a', -5, -1))).toEqual([]);
  expect([...store.fetch('a', 30, 30)][0]!.key.window).toEqual({ startMs: 30, endMs: 40 });
});

test('values of all keys are fetched in the order of time, then of keys', () => {
  const { store } = newStore();
  store.put('b', '1', 10);
  store.put('a', '2', 10);
  store.put('c', '3', 0);
  expect(told(store.fetchAll(0, 10))).toEqual(['c@0=3', 'a@10=2', 'b@10=1']);
  expect(told(store.backwardFetchAll(1, 10))).toEqual(['b@10=1', 'a@10=2']);
  expect(told(store.all())).toEqual(['c@0=3', 'a@10=2', 'b@10=1']);
  expect(told(store.backwardAll())).toEqual(['b@10=1', 'a@10=2', 'c@0=3']);
});

test('a key that goes on as a time would is not taken for another', () => {
  const { store } = newStore();
  const longer = `a${'\0'.repeat(7)}\u0005`;
  store.put('a', 'short', 5);
  store.put(longer, 'long', 5);
  store.put(longer, 'long', 7);
  expect(told(store.fetch('a', 0, 9))).toEqual(['a@5=short']);
  expect(told(store.backwardFetch('a', 0, 9))).toEqual(['a@5=short']);
  expect([...store.fetch(longer, 0, 9)]).toHaveLength(2);
});

test('what is put without a value is deleted', () => {
  const { store, bytes, changes } = newStore();
  store.put('a', 'v', 5);
  store.put('a', undefined, 5);
  expect([store.fetch('a', 5), told(store.all()), bytes.size]).toEqual([undefined, [], 0]);
  expect(changes.map(({ value }) => value === null)).toEqual([false, true]);
});

test('a window expires when one begins that is later by more than the retention, and comes back with none', () => {
  const { store, changes } = newStore();
  store.put('a', 'old', 50);
  store.put('b', 'new', 150);
  expect(store.fetch('a', 50)).toBe('old');
  store.put('b', 'new', 151);
  expect([store.fetch('a', 50), told(store.fetch('a', 0, 99)), told(store.fetchAll(0, 99))]).toEqual([
    undefined,
    [],
    [],
  ]);
  changes.length = 0;
  store.put('a', 'too late', 50);
  expect([store.fetch('a', 50), changes]).toEqual([undefined, []]);
});

test('what has expired is deleted a little with each put, until it is gone, and its changelog is not cleaned by age', () => {
  const { store, bytes, changes } = newStore();
  for (let i = 0; i < 60; i++) store.put(`k${i}`, 'v', 0);
  changes.length = 0;
  for (let i = 0; i < 20; i++) {
    const before = changes.length;
    store.put('now', 'v', 1_000 + i);
    expect(changes.length - before).toBeLessThanOrEqual(5);
    expect(told(store.fetchAll(0, 999))).toEqual([]);
    expect(told(store.fetch('k59', 0, 999))).toEqual([]);
  }
  expect(bytes.size).toBe(20);
  expect(changes.filter(({ value }) => value === null)).toHaveLength(60);
  expect(builder.retentionMs).toBeUndefined();
});

test('a store that was restored has the same windows, the same of which have expired', () => {
  const { store, changes } = newStore();
  for (let i = 0; i < 30; i++) store.put(`k${i}`, 'v', 0);
  store.put('now', 'v', 100);
  store.put('later', 'v', 101);
  const bytes = memoryByteStore('w');
  const restored = builder.build(bytes);
  for (const { key, value } of changes) bytes.restore(key, value);
  expect(told(restored.all())).toEqual(told(store.all()));
  expect(told(restored.all())).toEqual(['now@100=v', 'later@101=v']);
  expect(restored.fetch('k29', 0)).toBeUndefined();
});

test('when the latest windows are deleted, time goes on from those that are left', () => {
  const { store } = newStore();
  store.put('a', 'v', 50);
  store.put('a', 'v', 140);
  store.put('a', undefined, 140);
  store.put('b', 'v', 0);
  expect(told(store.all())).toEqual(['b@0=v', 'a@50=v']);
});
