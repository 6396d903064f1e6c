import { LruCache } from '../lib/lruCache.ts';

test('what was used longest ago makes room', () => {
  const cache = new LruCache<string, number>(2);
  cache.set('a', 1);
  cache.set('b', 2);
  expect(cache.get('a')).toBe(1);
  cache.set('c', 3);
  expect(['a', 'b', 'c'].map((key) => cache.get(key))).toEqual([1, undefined, 3]);
  cache.peek('a');
  cache.set('d', 4);
  expect(['a', 'c', 'd'].map((key) => cache.has(key))).toEqual([false, true, true]);
});

test('a value takes the room of its size, and gives it back', () => {
  const cache = new LruCache<string, string>(10, (value) => value.length);
  cache.set('a', 'xxxx');
  cache.set('a', 'xxxxxxxx');
  expect(cache.peek('a')).toHaveLength(8);
  cache.set('b', 'xx');
  expect([cache.has('a'), cache.has('b')]).toEqual([true, true]);
  cache.delete('a');
  cache.delete('a');
  cache.set('c', 'xxxxxxxx');
  expect([cache.has('b'), cache.has('c')]).toEqual([true, true]);
});

test('what is larger than all the room is not kept', () => {
  const cache = new LruCache<string, string>(3, (value) => value.length);
  cache.set('a', 'xxxx');
  cache.set('b', 'x');
  cache.set('a', 'xxxx');
  expect([cache.has('a'), cache.has('b')]).toEqual([false, true]);
  cache.set('a', 'xxx');
  expect([cache.has('a'), cache.has('b')]).toEqual([true, false]);
});
