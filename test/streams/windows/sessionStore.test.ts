import { Serdes } from '../../../lib/streams/serdes.ts';
import { memoryByteStore } from '../../../lib/streams/state/byteStore.ts';
import { sessionStoreBuilder } from '../../../lib/streams/state/sessionStore.ts';

const session = (key: string, startMs: number, endMs: number) => ({ key, window: { startMs, endMs } });

function newStore() {
  const builder = sessionStoreBuilder('s', Serdes.string, Serdes.string, { retentionMs: 100 });
  const store = builder.build(memoryByteStore('s'));
  for (const [key, start, end] of [
    ['a', 0, 10],
    ['a', 20, 30],
    ['a', 50, 50],
    ['b', 5, 25],
  ] as const)
    store.put(session(key, start, end), `${key}${start}-${end}`);
  return store;
}

type Found = Iterable<{ readonly value: string }>;
const told = (found: Found) => [...found].map(({ value }) => value);

test('sessions of a key are found that end late enough, and begin early enough', () => {
  const store = newStore();
  expect(told(store.findSessions('a', 10, 20))).toEqual(['a0-10', 'a20-30']);
  expect(told(store.backwardFindSessions('a', 10, 20))).toEqual(['a20-30', 'a0-10']);
  expect(told(store.findSessions('a', 11, 19))).toEqual([]);
  expect(told(store.findSessions('a', -7, 0))).toEqual(['a0-10']);
  expect([...store.findSessions('a', 50, 50)][0]!.key).toEqual(session('a', 50, 50));
});

test('all sessions of a key are fetched, in either direction, or one by its bounds', () => {
  const store = newStore();
  expect(told(store.fetch('a'))).toEqual(['a0-10', 'a20-30', 'a50-50']);
  expect(told(store.backwardFetch('a'))).toEqual(['a50-50', 'a20-30', 'a0-10']);
  expect(store.fetchSession('a', 20, 30)).toBe('a20-30');
  expect(store.fetchSession('a', 20, 31)).toBeUndefined();
});

test('sessions of all keys are found by their ends, in the order of these', () => {
  expect(told(newStore().findSessionsEnding(10, 30))).toEqual(['a0-10', 'b5-25', 'a20-30']);
  expect(told(newStore().findSessionsEnding(11, 29))).toEqual(['b5-25']);
});

test('a session that is removed is there no more, and one whose end is too old is neither', () => {
  const store = newStore();
  store.remove(session('a', 20, 30));
  expect(told(store.fetch('a'))).toEqual(['a0-10', 'a50-50']);
  store.put(session('b', 100, 125), 'new');
  expect(told(store.fetch('a'))).toEqual(['a50-50']);
  expect(told(store.fetch('b'))).toEqual(['b5-25', 'new']);
});

test('a key that goes on as times would is not taken for another', () => {
  const store = newStore();
  const longer = `a${'\0'.repeat(7)}\u0005${'\0'.repeat(8)}`;
  store.put(session(longer, 1, 2), 'longer');
  expect(told(store.fetch('a'))).toEqual(['a0-10', 'a20-30', 'a50-50']);
  expect(told(store.fetch(longer))).toEqual(['longer']);
});
