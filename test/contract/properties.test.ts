import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { awsStorage } from '../../lib/storage/aws/aws.ts';
import { createAwsResources } from '../../lib/storage/aws/resources.ts';
import { embeddedStorage } from '../../lib/storage/embedded/embedded.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import type { Action, Condition, Item, Path, Storage, Value } from '../../lib/storage/ports.ts';
import { EMULATOR_ACCESS, startDynamoDb, startS3 } from '../support/emulators.ts';

// Few names, few values, short lists: so that random places meet, types clash and conditions hold now and then.
const scalar = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom('', 'a', 'b', 'ab', '\uffee', '😀'),
  fc.constantFrom([], [0], [1], [1, 0], [255]).map((bytes) => Uint8Array.from(bytes)),
);
const { value } = fc.letrec<{ value: Value; list: Value[]; map: { [name: string]: Value } }>((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, scalar, fc.constantFrom(null, true, false), tie('list'), tie('map')),
  list: fc.array(tie('value'), { maxLength: 4 }),
  map: fc.dictionary(fc.constantFrom('a', 'b', 'x:1'), tie('value'), { maxKeys: 3, noNullPrototype: true }),
}));
const attributes = fc.dictionary(fc.constantFrom('a', 'b', 'n', 'l', 'm'), value, {
  maxKeys: 5,
  noNullPrototype: true,
});
const place = fc
  .tuple(
    fc.constantFrom('a', 'b', 'n', 'l', 'm'),
    fc.array(fc.oneof(fc.constantFrom('a', 'b', 'x:1'), fc.nat({ max: 3 })), { maxLength: 2 }),
  )
  .map(([attribute, parts]): Path => [attribute, ...parts]);
const { condition } = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.record({ exists: place }),
    fc.record({ missing: place }),
    fc.record({ path: place, is: fc.constantFrom('=', '<', '<=', '>', '>='), value: scalar }),
    // Dynalite finds no empty ones in a list.
    fc.record({ path: place, contains: scalar.filter((it) => typeof it === 'number' || it.length > 0) }),
    fc.record({ not: tie('condition') }),
    fc.record({ all: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ any: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }) }),
  ),
}));
/** `pick` chooses a place that the item has, or one beside those, once the item is known. */
const change = fc.record({ kind: fc.constantFrom('set', 'add', 'append', 'remove'), pick: fc.nat(), value });
const write = fc.record({
  kind: fc.constantFrom('put', 'update', 'update', 'update', 'delete'),
  attributes,
  changes: fc.array(change, { maxLength: 4 }),
  condition: fc.option(condition, { nil: undefined, freq: 2 }),
});
type Generated<T> = T extends fc.Arbitrary<infer G> ? G : never;

function actionOf({ kind, pick, value }: Generated<typeof change>, item: Item | undefined): Action {
  const all = placesIn(item ?? {}, []);
  const choose = (places: { path: Path }[]) => places[pick % places.length]?.path ?? ['a'];
  switch (kind) {
    case 'add':
      return { add: choose(all.filter((it) => typeof it.value === 'number')), value: 1 };
    case 'append':
      return { append: choose(all.filter((it) => Array.isArray(it.value))), values: [value] };
    case 'remove':
      return { remove: choose(all) };
    default:
      return { set: choose(all), to: value };
  }
}

function placesIn(value: Value, path: readonly (string | number)[]): { path: Path; value?: Value }[] {
  if (value instanceof Uint8Array || value === null || typeof value !== 'object') return [];
  const names = Array.isArray(value) ? value.keys() : Object.keys(value).filter((name) => !isKey(name));
  const inside = [...names].flatMap((name) => {
    const element = (value as { [name: string | number]: Value })[name]!;
    return [
      { path: [...path, name] as unknown as Path, value: element },
      ...placesIn(element, [...path, name]),
    ];
  });
  return Array.isArray(value) ? inside : [...inside, { path: [...path, 'n'] as unknown as Path }];
}

function isKey(name: string): boolean {
  return name === 'pk' || name === 'sk';
}

function mistake(error: Error): 'a mistake' {
  if (error.name !== 'TypeError' && error.name !== 'ValidationException') throw error;
  return 'a mistake';
}

describe('random writes of one item', () => {
  const directory = mkdtempSync(join(tmpdir(), 'wadi-properties-'));
  const stops: (() => Promise<void>)[] = [];
  const others = new Map<string, Storage>();
  let sequences = 0;

  beforeAll(async () => {
    const s3 = await startS3();
    stops.push(s3.stop);
    for (const kind of ['dynalite', 'dynoxide'] as const) {
      const dynamodb = await startDynamoDb(kind);
      if ('unavailable' in dynamodb) continue;
      stops.push(dynamodb.stop);
      const options = {
        ...EMULATOR_ACCESS,
        bucket: kind,
        logTable: 'log',
        metadataTable: 'metadata',
        groupsTable: 'groups',
        s3Endpoint: s3.endpoint,
        dynamodbEndpoint: dynamodb.endpoint,
      };
      await createAwsResources(options);
      others.set(kind, awsStorage(options));
    }
    others.set('embedded', embeddedStorage({ directory }));
  });

  afterAll(async () => {
    await Promise.all([...others.values()].map((storage) => storage.close()));
    await Promise.all(stops.map((stop) => stop()));
    rmSync(directory, { recursive: true });
  });

  it('have the same outcome in every adapter', async () => {
    const memory = memoryStorage();
    const seen = { applied: 0, refused: 0, mistakes: 0 };

    const property = fc.asyncProperty(fc.array(write, { minLength: 5, maxLength: 20 }), async (writes) => {
      const key = { pk: `sequence-${++sequences}`, sk: 'item' };
      for (const { kind, attributes, changes, condition } of writes) {
        const before = await memory.log.get(key);
        const actions = changes.map((it) => actionOf(it, before));
        const run = async ({ log }: Storage) => {
          if (kind === 'put') return log.put({ ...attributes, ...key }, condition);
          if (kind === 'delete') return log.delete(key, condition);
          return log.update(key, actions, condition);
        };
        const expected = await run(memory).catch(mistake);
        for (const [name, storage] of others) {
          const outcome = await run(storage).catch(mistake);
          expect({ name, outcome }).toEqual({ name, outcome: expected });
        }
        if (expected === 'a mistake') seen.mistakes++;
        else if (expected.applied) seen.applied++;
        else seen.refused++;
      }
    });
    await fc.assert(property, { numRuns: 50 });
    // Were the generators to drift, the comparison would prove little.
    for (const [outcome, count] of Object.entries(seen))
      expect([outcome, count > 20]).toEqual([outcome, true]);
  });
});
