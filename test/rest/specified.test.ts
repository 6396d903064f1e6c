import { readFileSync } from 'node:fs';
import { allOperations } from '../../functions/cluster.ts';
import { OWN_OPERATIONS, SPECIFIED_APIS, type SpecifiedApi } from '../../lib/rest/served.ts';

const README = readFileSync(`${import.meta.dirname}/../../README.md`, 'utf8');

/** Whatever the parameters are called. */
const shapeOf = (route: string): string => route.replace(/\{\w+\}/g, '{}');
const routeIn = ({ root }: SpecifiedApi, route: string): string => route.replace(' ', ` ${root}`);
const served = new Map(allOperations.map(({ id, method, path }) => [shapeOf(`${method} ${path}`), id]));

const ALL = SPECIFIED_APIS.flatMap((api) =>
  Object.entries(api.operations).map(
    ([route, by]) => [api.name, route, shapeOf(routeIn(api, route)), by] as const,
  ),
);

test('the APIs have as many operations as their specifications', () => {
  const counts = SPECIFIED_APIS.map(({ name, operations }) => [name, Object.keys(operations).length]);
  expect(counts).toEqual([
    ['REST Proxy v3', 50],
    ['REST Proxy v2', 23],
    ['Strimzi Bridge', 25],
  ]);
});

test.each(ALL)('%s: %s is served, or left out with a reason', (_, _route, shape, by) => {
  if (typeof by === 'string') {
    expect(served.get(shape)).toBe(by);
  } else {
    expect(served.has(shape)).toBe(false);
    expect(by.leftOut).toMatch(/\S/);
  }
});

test('whatever else is served is listed as our own', () => {
  const specified = new Set(ALL.map(([, , , by]) => by));
  const others = allOperations.map(({ id }) => id).filter((id) => !specified.has(id));
  expect(OWN_OPERATIONS.toSorted()).toEqual(others.toSorted());
});

test.each(SPECIFIED_APIS)('the README tells how much of $name is served', ({ name, operations }) => {
  const all = Object.values(operations);
  const count = all.filter((by) => typeof by === 'string').length;
  const told = new RegExp(`^\\| ${name} +\\| (\\d+) of (\\d+) `, 'm').exec(README)?.slice(1).map(Number);
  expect(told).toEqual([count, all.length]);
});
