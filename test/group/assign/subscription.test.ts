import { matcher, resolve, resolver } from '../../../lib/group/assign/subscription.ts';

const topics = ['orders', 'orders-eu', 'payments', 'Orders.v2', 'x'].map((name, i) => ({
  id: `id${9 - i}`,
  name,
}));

function matching(pattern: string): string[] {
  return topics.map(({ name }) => name).filter(matcher(pattern));
}

test('an expression must match the whole name', () => {
  expect(matching('orders')).toEqual(['orders']);
  expect(matching('orders.*')).toEqual(['orders', 'orders-eu']);
  expect(matching('order')).toEqual([]);
  expect(matching('rders')).toEqual([]);
  expect(matching('o|or|orders|pay')).toEqual(['orders']);
  expect(matching('(?i)orders(\\.v[0-9]+)?')).toEqual(['orders', 'Orders.v2']);
  expect(matching('^(orders|payments)$')).toEqual(['orders', 'payments']);
  expect(matching('.*')).toHaveLength(5);
});

test.each([
  ['nothing', ''],
  ['what is not closed', '(orders'],
  ['a star of nothing', '*'],
  ['a backreference', '(a)\\1'],
  ['a look ahead', '(?=orders).*'],
  ['a look behind', '.*(?<=x)'],
  ['more repeats than RE2 has', 'a{1001}'],
  ['repeats of repeats', '((a{30}){30}){30}'],
  ['repeats that would fill the memory', '(\\pL|a){900}'.repeat(20)],
  ['a large program', '(aa|b){999}'],
  ['too many characters', 'a'.repeat(1_001)],
  ['deep nesting', '('.repeat(1_000)],
])('%s is refused', (_, pattern) => {
  expect(() => matcher(pattern)).toThrow(
    expect.objectContaining({ kafka: 'INVALID_REGULAR_EXPRESSION', field: 'topic_pattern' }),
  );
});

test('what is refused is told why', () => {
  expect(() => matcher('(orders')).toThrow(/missing closing \)/);
  expect(() => matcher('(\\pL|a){900}'.repeat(20))).toThrow(/It repeats too much/);
});

test.each([
  '[a-z0-9._-]{1,249}',
  '([a-z]{1,20}\\.){2}[a-z]{1,20}',
  Array(40).fill('some-topic-name').join('|'),
])('what people write is taken: %s', (pattern) => {
  expect(() => matcher(pattern)).not.toThrow();
});

test('an expression that would make others backtrack for ever comes to an end', () => {
  const name = `${'a'.repeat(248)}!`;
  for (const pattern of ['(a+)+', '(a|aa)*', '(.*)*x', '(a?){200}a{200}', '(a|b|ab)*c']) {
    expect(matcher(pattern)(name)).toBe(false);
  }
});

test('a subscription is for the topics that it names, or matches, as far as they are there', () => {
  expect(resolve({ topics: ['x', 'orders', 'none', 'x'] }, topics)).toEqual(['id5', 'id9']);
  expect(resolve({ pattern: 'orders.*' }, topics)).toEqual(['id8', 'id9']);
  expect(resolve({ topics: [] }, topics)).toEqual([]);
  expect(resolve({ topics: ['.*'] }, topics)).toEqual([]);
});

test('equal subscriptions are looked up once', () => {
  const idsOf = resolver(topics);
  expect(idsOf({ pattern: 'x' })).toEqual(['id5']);
  expect(idsOf({ topics: ['x'] })).toEqual(['id5']);
  expect(idsOf({ pattern: 'x' })).toBe(idsOf({ pattern: 'x' }));
});
