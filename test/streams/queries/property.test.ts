import fc from 'fast-check';
import { partitionOfKey } from '../../../lib/record/partitioner.ts';
import { Serdes, TopologyTestDriver } from '../../../lib/streams/index.ts';
import { jsonFrom } from '../../../lib/streams/queries/formats.ts';
import { type RangeQuery, readKey, readRows } from '../../../lib/streams/queries/readStore.ts';
import type { QueriedStore, StateStores } from '../../../lib/streams/queries/stateStores.ts';
import type { Row } from '../../../lib/streams/queries/storeView.ts';
import type { Window } from '../../../lib/streams/windows/windowed.ts';
import { type Input, queryWorld, threeStores, type World } from './world.ts';

const { string } = Serdes;
const PARTITIONS = 2;
const NAMES = ['table', 'windows', 'sessions'] as const;
type StoreName = (typeof NAMES)[number];
/** One key begins with another, and goes on as a window's time would; one comes behind it that is shorter. */
const KEYS = ['a', 'b', 'ab', `a${'\0'.repeat(7)}\u0005`, 'ä', ''];
const FOREVER = Number.MAX_SAFE_INTEGER;

/** A row as the test driver has it, and as a query tells it. */
interface Said {
  readonly partition: number;
  readonly key: string;
  readonly window?: Window;
  readonly value: unknown;
  readonly timestampMs?: number;
}

/** A test driver for each partition: time goes by partitions. */
function createOracle() {
  const drivers = Array.from({ length: PARTITIONS }, () => {
    const driver = new TopologyTestDriver(threeStores().topology);
    return { driver, topic: driver.createInputTopic('in', string, string) };
  });
  return {
    put(inputs: readonly Input[]): void {
      for (const { key, value, timestamp } of inputs)
        drivers[partitionOf(key)]!.topic.pipeInput(key, value, { timestamp });
    },
    /** Of each partition in its order. */
    rows: (name: StoreName, fromMs: number, toMs: number): Said[][] =>
      drivers.map(({ driver }, partition) =>
        [...saidBy(driver, name, fromMs, toMs)].map((row) => ({ partition, ...row })),
      ),
  };
}

const partitionOf = (key: string): number => partitionOfKey(Buffer.from(key), PARTITIONS);

function* saidBy(driver: TopologyTestDriver, name: StoreName, fromMs: number, toMs: number) {
  switch (name) {
    case 'table': {
      const store = driver.getKeyValueStore<string, { value: string; timestamp: number }>(name);
      for (const { key, value } of store.all())
        yield { key, value: value.value, timestampMs: value.timestamp };
      return;
    }
    case 'windows':
      for (const { key, value } of driver.getWindowStore<string, number>(name).fetchAll(fromMs, toMs))
        yield { ...key, value: value.value, timestampMs: value.timestamp };
      return;
    case 'sessions':
      for (const { key, value } of driver
        .getSessionStore<string, number>(name)
        .findSessionsEnding(fromMs, FOREVER))
        if (key.window.startMs <= toMs) yield { ...key, value };
  }
}

function said({ shape }: QueriedStore, partition: number, { key, window, value, timestampMs }: Row): Said {
  return {
    partition,
    key: JSON.parse(jsonFrom(shape.keyFormat, key)),
    ...(window && { window }),
    value: JSON.parse(jsonFrom(shape.valueFormat, value)),
    ...(timestampMs !== undefined && { timestampMs }),
  };
}

/** What is ordered by: the time, if there is one, then bytes. */
function orderOf({ key, window }: Said, name: StoreName): [number, Buffer] {
  if (window === undefined) return [0, Buffer.from(key)];
  const times = Buffer.alloc(16);
  const [first, second] = name === 'windows' ? [window.startMs, 0] : [window.endMs, window.startMs];
  times.writeBigInt64BE(BigInt(first));
  times.writeBigInt64BE(BigInt(second), 8);
  return [first, Buffer.concat([Buffer.from(key), name === 'windows' ? times.subarray(0, 8) : times])];
}

function byOrder(name: StoreName) {
  return (a: Said, b: Said): number => {
    const [[timeA, bytesA], [timeB, bytesB]] = [orderOf(a, name), orderOf(b, name)];
    return timeA - timeB || bytesA.compare(bytesB) || a.partition - b.partition;
  };
}

interface Asked {
  readonly from?: string;
  readonly to?: string;
  readonly prefix?: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly reverse: boolean;
  readonly limit: number;
}

const anyKey = fc.constantFrom(...KEYS);
const asked: fc.Arbitrary<Asked> = fc
  .record(
    {
      ...{ from: anyKey, to: anyKey, prefix: anyKey },
      ...{
        fromMs: fc.nat(60),
        toMs: fc.nat(60),
        reverse: fc.boolean(),
        limit: fc.integer({ min: 1, max: 9 }),
      },
    },
    { requiredKeys: ['reverse', 'limit'] },
  )
  .map(({ fromMs = 0, toMs = FOREVER, ...others }) => ({ fromMs, toMs, ...others }));

const input: fc.Arbitrary<Input> = fc.record({
  key: anyKey,
  value: fc.option(fc.string({ maxLength: 3 }), { freq: 4 }),
  // Later than all that is kept, now and then.
  timestamp: fc.oneof(
    { weight: 12, arbitrary: fc.nat(60) },
    { weight: 1, arbitrary: fc.integer({ min: 1_000, max: 1_010 }) },
  ),
});

type Act = { readonly inputs: readonly Input[] } | 'work' | 'look' | 'compact' | 'a day later' | 'reset';
const acts: fc.Arbitrary<Act[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ inputs: fc.array(input, { maxLength: 12 }) }) },
    { weight: 5, arbitrary: fc.constantFrom<Act[]>('work', 'look', 'compact', 'compact', 'a day later') },
    { weight: 1, arbitrary: fc.constant<Act>('reset') },
  ),
  { maxLength: 10 },
);

const bytesOf = (text: string | undefined): Uint8Array | undefined =>
  text === undefined ? undefined : Buffer.from(text);

/** All pages, one after the other. */
async function pagesOf(
  stores: StateStores,
  store: QueriedStore,
  deadlineMs: number,
  query: Asked,
): Promise<Said[]> {
  const { from, to, prefix, ...others } = query;
  const bounds = Object.entries({ from, to, prefix }).map(([name, text]) => [name, bytesOf(text)]);
  const found: Said[] = [];
  let behind: RangeQuery['behind'];
  for (let pages = 0; pages < 1_000; pages++) {
    const { rows, isMore } = await readRows(stores, store, {
      ...Object.fromEntries(bounds.filter(([, bytes]) => bytes !== undefined)),
      ...{ ...others, partitions: [0, 1], deadlineMs },
      ...(behind && { behind }),
    });
    expect(rows.length).toBeLessThanOrEqual(query.limit);
    found.push(...rows.map(({ partition, row }) => said(store, partition, row)));
    const last = rows.at(-1);
    if (!isMore) return found;
    behind = { partition: last!.partition, stored: last!.row.stored };
  }
  throw new Error('there is no end of pages');
}

/** The application has never been, but for what it has read before. */
async function reset({ wadi, storage }: World): Promise<void> {
  for (const { name } of await wadi.topics.list())
    if (name.endsWith('-changelog')) await wadi.topics.delete(name);
  for (const { pk, sk } of (await storage.groups.query({ pk: 'streams/app', limit: 100 })).items)
    await storage.groups.delete({ pk, sk });
  const topic = await wadi.topics.describe('in');
  for (let partition = 0; partition < PARTITIONS; partition++)
    await wadi.log.deleteRecords(topic, partition, -1);
}

test('whatever is put, deleted and forgotten, a query says what the test driver has: cold and warm, after more records, snapshots, compaction, days and a reset', async () => {
  await fc.assert(
    fc.asyncProperty(acts, fc.array(asked, { minLength: 1, maxLength: 4 }), async (all, queries) => {
      const w = await queryWorld(threeStores(), PARTITIONS);
      await w.work();
      let oracle = createOracle();
      const warm = await w.cold();
      const later = w.clock.now() + 1_000_000_000;
      const look = async (): Promise<void> => {
        await w.work();
        for (const stores of [warm, await w.cold()]) {
          for (const name of NAMES) {
            const store = await w.store(name);
            for (const query of queries) await expectSame(stores, store, name, query);
          }
        }
      };

      async function expectSame(stores: StateStores, store: QueriedStore, name: StoreName, query: Asked) {
        const { from, to, prefix, fromMs, toMs, reverse, limit } = query;
        const rows = oracle.rows(name, fromMs, toMs).flat().sort(byOrder(name));
        const within = rows.filter(({ key }) => {
          const bytes = Buffer.from(key);
          if (from !== undefined && bytes.compare(Buffer.from(from)) < 0) return false;
          if (to !== undefined && bytes.compare(Buffer.from(to)) > 0) return false;
          return prefix === undefined || key.startsWith(prefix);
        });
        const expected = reverse ? within.toReversed() : within;
        expect(await pagesOf(stores, store, later, query)).toEqual(expected);
        for (const key of KEYS) {
          const partition = partitionOf(key);
          const options = { fromMs, toMs, limit, deadlineMs: later };
          const told = await readKey(stores, store, partition, Buffer.from(key), options);
          const ofKey = rows.filter((row) => row.key === key);
          expect(told.rows.map((row) => said(store, partition, row))).toEqual(ofKey.slice(-limit));
          expect(told.isMore).toBe(ofKey.length > limit);
        }
      }

      for (const act of all) {
        if (act === 'work') await w.work();
        else if (act === 'look') await look();
        else if (act === 'compact') await w.compact();
        else if (act === 'a day later') w.clock.advance(86_400_000);
        else if (act === 'reset') {
          await w.work();
          await reset(w);
          oracle = createOracle();
        } else {
          oracle.put(act.inputs);
          await w.produce(act.inputs);
        }
      }
      await look();
      await w.close();
    }),
    { numRuns: 100 },
  );
}, 120_000);
