import { encodeBatch } from '../../lib/record/encode.ts';
import { partitionOfKey } from '../../lib/record/partitioner.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import {
  keyValueStoreBuilder,
  type ProcessorContext,
  type Serde,
  Serdes,
  type StreamsApplication,
  StreamsBuilder,
  sessionWindows,
  timeWindows,
} from '../../lib/streams/index.ts';
import type { KeyValueStore } from '../../lib/streams/state/keyValueStore.ts';
import type { StateStore } from '../../lib/streams/state/store.ts';
import { createWadi, type Wadi } from '../../lib/wadi.ts';
import { type Call, intercepted } from '../support/faults.ts';
import { runApplication } from '../support/streams.ts';
import { fetchFrom } from './inProcess.ts';
import { type Answer, type Api, callsOf, type ErrorAnswer, startApi } from './support.ts';

const { string, long } = Serdes;
const PARTITIONS = 3;
const own: Serde<string> = { serialize: string.serialize, deserialize: string.deserialize };
/** 2^53 + 1, which no number is. */
const LARGE = Uint8Array.of(0, 32, 0, 0, 0, 0, 0, 1);
const longBytes: Serde<Uint8Array> = { ...Serdes.bytes, format: 'long' };

const storeOf = <K, V>(keySerde: Serde<K>, valueSerde: Serde<V>, ...rows: (readonly [K, V])[]) => ({
  builder: (name: string) => keyValueStoreBuilder(name, keySerde, valueSerde),
  fill(store: StateStore): void {
    for (const [key, value] of rows) (store as KeyValueStore<K, V>).put(key, value);
  },
});

/** Each has these rows, in every partition that a record comes to. */
const OF_FORMATS = {
  integers: storeOf(Serdes.integer, Serdes.double, [-1, 0.5], [7, Number.NaN]),
  longs: storeOf(longBytes, longBytes, [LARGE, LARGE], [long.serialize(-5), long.serialize(5)]),
  json: storeOf<unknown, unknown>(Serdes.json(), Serdes.json(), [{ a: 1 }, [1, 'x']], [[2], false]),
  bytes: storeOf(
    Serdes.bytes,
    Serdes.bytes,
    [Uint8Array.of(0xfb, 0xff), Uint8Array.of(1)],
    [Uint8Array.of(2), Uint8Array.of()],
  ),
  own: storeOf(own, own, ['ü', 'x'], ['z', 'y']),
};

function everything(): StreamsApplication {
  const builder = new StreamsBuilder();
  const input = builder.stream('in', { keySerde: string, valueSerde: string });
  const grouped = input.groupByKey();
  const counts = grouped.count({ storeName: 'counts' });
  counts.suppress({ untilTimeLimitMs: 10, maxRecords: 10, onFull: 'emit-early' }).toStream().to('out');
  grouped.windowedBy(timeWindows({ sizeMs: 10, graceMs: 1_000 })).count({ storeName: 'windows' });
  grouped.windowedBy(sessionWindows({ inactivityGapMs: 5, graceMs: 1_000 })).count({ storeName: 'sessions' });
  for (const [name, { builder: ofStore }] of Object.entries(OF_FORMATS)) builder.addStateStore(ofStore(name));
  builder.addStateStore(keyValueStoreBuilder('unlogged', string, string, { logged: false }));
  const stores = [...Object.keys(OF_FORMATS), 'unlogged'];
  const supplier = () => {
    let fill = () => {};
    return {
      init(context: ProcessorContext<string, string>) {
        fill = () => {
          for (const [name, { fill: put }] of Object.entries(OF_FORMATS)) put(context.getStateStore(name));
        };
      },
      process: () => fill(),
    };
  };
  input.process(supplier, { stores });
  return { applicationId: 'app', topology: builder.build() };
}

interface Row {
  readonly partition_id: number;
  readonly key: unknown;
  readonly value: unknown;
  readonly start_ms?: number;
  readonly end_ms?: number;
  readonly timestamp_ms?: number;
}
interface Page {
  readonly metadata: { readonly next: string | null };
  readonly positions: readonly { readonly partition_id: number; readonly offset: number }[];
  readonly data: readonly Row[];
}

async function produce(
  { log, topics }: Wadi,
  inputs: readonly (readonly [key: string, timestamp: number])[],
): Promise<void> {
  const topic = await topics.describe('in');
  for (const [key, timestamp] of inputs) {
    const record = { key: Buffer.from(key), value: Buffer.from('x'), timestamp, headers: [] };
    const batch = {
      bytes: encodeBatch([record]),
      recordCount: 1,
      maxTimestamp: timestamp,
      producer: undefined,
    };
    const place = { partition: partitionOfKey(record.key, topic.partitions), batches: [batch] };
    const [result] = await log.append(topic, [place]);
    if (!result!.ok) throw result!.error;
  }
}

const WORDS = ['a', 'b', 'c d', 'e/f', '%', 'ä', '-', 'records', 'g', 'h'];
const INPUTS = WORDS.flatMap((word, i) =>
  [1, 4, 12, 30].slice(0, 1 + (i % 4)).map((time) => [word, time] as const),
);

let api: Api;
beforeAll(async () => {
  api = await startApi();
  const { wadi } = api.cluster;
  await wadi.topics.create({ name: 'in', partitions: PARTITIONS });
  await wadi.topics.create({ name: 'out', partitions: PARTITIONS });
  await produce(wadi, INPUTS);
  await runApplication(wadi, everything());
});
afterAll(() => api.cluster.close());

const STORES = '/v3/-/streams/app/stores';
const get = <T = ErrorAnswer>(path: string): Promise<Answer<T>> => api.call<T>(`GET ${STORES}${path}`);
const timesOf = (word: string): number[] => INPUTS.filter(([key]) => key === word).map(([, time]) => time);
const partitionOf = (key: string): number => partitionOfKey(Buffer.from(key), PARTITIONS);

async function pages(path: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (let next: string | null = `${STORES}${path}`; next !== null; ) {
    const { status, json }: Answer<Page> = await api.call<Page>(`GET ${next}`);
    expect(status).toBe(200);
    rows.push(...json.data);
    next = json.metadata.next?.replace(api.clusterUrl, '/v3/-') ?? null;
  }
  return rows;
}

test('stores are listed with all that is needed to look into them', async () => {
  const { json } = await get<{ data: { store_name: string }[] }>('');
  const names = json.data.map(({ store_name }) => store_name);
  expect(names).toEqual(
    expect.arrayContaining(['counts', 'windows', 'sessions', 'integers', 'own', 'unlogged']),
  );
  for (const store of json.data) expect((await get(`/${store.store_name}`)).json).toEqual(store);
  expect((await get('/windows')).json).toMatchObject({
    ...{ application_id: 'app', store_name: 'windows', type: 'window', key_format: 'string' },
    ...{ value_format: 'long', is_timestamped: true, window_size_ms: 10, retention_ms: 1_010 },
    ...{ changelog_topic: 'app-windows-changelog', partitions_count: PARTITIONS },
  });
  expect((await get('/own')).json).toMatchObject({ type: 'key-value', key_format: null, value_format: null });
  expect((await get('/unlogged')).json).toMatchObject({ changelog_topic: null, partitions_count: null });
});

test.each(WORDS)('the key %j of a table is told with its value, time and place', async (word) => {
  const { status, json } = await get(`/counts/${encodeURIComponent(word)}`);
  expect(status).toBe(200);
  expect(json).toMatchObject({
    ...{ kind: 'KafkaStreamsStoreKey', application_id: 'app', store_name: 'counts', key: word },
    ...{ value: timesOf(word).length, timestamp_ms: timesOf(word).at(-1), partition_id: partitionOf(word) },
  });
});

test('the answer tells which offset of the changelog it is of', async () => {
  const { topics, log } = api.cluster.wadi;
  const changelog = await topics.describe('app-counts-changelog');
  const { json } = await get<Page>('/counts/-/records');
  for (const { partition_id, offset } of json.positions)
    expect(offset).toBe((await log.bounds(changelog, partition_id)).highWatermark);
  expect(json.positions.map(({ partition_id }) => partition_id)).toEqual([0, 1, 2]);
});

test('windows and sessions of a key are told, the latest last, of the times that are asked for', async () => {
  // 1, 4, 12 and 30.
  const windows = async (path: string) => {
    const { json } = await get<{
      windows: { start_ms: number; end_ms: number; value: number }[];
      is_truncated: boolean;
    }>(path);
    return [
      ...json.windows.map(({ start_ms, end_ms, value }) => [start_ms, end_ms, value]),
      ...(json.is_truncated ? ['…'] : []),
    ];
  };
  const word = encodeURIComponent(WORDS[3]!);
  expect(await windows(`/windows/${word}`)).toEqual([
    [0, 10, 2],
    [10, 20, 1],
    [30, 40, 1],
  ]);
  expect(await windows(`/windows/${word}?from_ms=10&to_ms=29`)).toEqual([[10, 20, 1]]);
  expect(await windows(`/windows/${word}?limit=2`)).toEqual([[10, 20, 1], [30, 40, 1], '…']);
  expect(await windows(`/windows/${word}?limit=2&to_ms=9`)).toEqual([[0, 10, 2]]);
  expect(await windows(`/sessions/${word}`)).toEqual([
    [1, 4, 2],
    [12, 12, 1],
    [30, 30, 1],
  ]);
  expect(await windows(`/sessions/${word}?from_ms=3&to_ms=12`)).toEqual([
    [1, 4, 2],
    [12, 12, 1],
  ]);
  expect((await get(`/windows/${word}?from_ms=31`)).status).toBe(404);
});

test('all partitions are one store in the order of keys as bytes, at any limit, and one of them can be asked for', async () => {
  const sorted = WORDS.toSorted((a, b) => Buffer.from(a).compare(Buffer.from(b)));
  const keys = async (path: string) => (await pages(path)).map(({ key }) => key);
  const all = await pages('/counts/-/records');
  expect(all.map(({ key, value, partition_id }) => [key, value, partition_id])).toEqual(
    sorted.map((word) => [word, timesOf(word).length, partitionOf(word)]),
  );
  for (let limit = 1; limit <= WORDS.length + 1; limit++)
    expect(await pages(`/counts/-/records?limit=${limit}`)).toEqual(all);
  expect(await keys('/counts/-/records?reverse=true&limit=3')).toEqual(sorted.toReversed());
  expect(await keys('/counts/-/records?from=b&to=g&limit=2')).toEqual(['b', 'c d', 'e/f', 'g']);
  expect(await keys('/counts/-/records?prefix=re')).toEqual(['records']);
  for (let partition = 0; partition < PARTITIONS; partition++)
    expect(await keys(`/counts/-/records?partition_id=${partition}&limit=1`)).toEqual(
      sorted.filter((word) => partitionOf(word) === partition),
    );
});

test('windows are told of all keys, by their starts, and sessions by their ends', async () => {
  const windows = await pages('/windows/-/records?limit=3&from_ms=10');
  expect(windows.map(({ start_ms }) => start_ms)).toEqual(
    windows.map(({ start_ms }) => start_ms!).toSorted((a, b) => a - b),
  );
  expect(new Set(windows.map(({ key, start_ms }) => `${start_ms} ${key}`))).toEqual(
    new Set(INPUTS.filter(([, time]) => time >= 10).map(([word, time]) => `${time - (time % 10)} ${word}`)),
  );
  const sessions = await pages('/sessions/-/records?limit=4&to_ms=12&reverse=true');
  const ends = sessions.map(({ end_ms }) => end_ms!);
  expect(ends).toEqual(ends.toSorted((a, b) => b - a));
  expect(Math.max(...sessions.map(({ start_ms }) => start_ms!))).toBe(12);
});

test.each<[store: string, key: string, told: { key: unknown; value: unknown }]>([
  ['integers', '-1', { key: -1, value: 0.5 }],
  ['integers', '7', { key: 7, value: 'NaN' }],
  ['longs', '9007199254740993', { key: '9007199254740993', value: '9007199254740993' }],
  ['longs', '-5', { key: -5, value: 5 }],
  ['json', ' {"a": 1}', { key: { a: 1 }, value: [1, 'x'] }],
  ['json', '[2]', { key: [2], value: false }],
  ['bytes', '-_8', { key: '+/8=', value: 'AQ==' }],
  ['bytes', '+/8=', { key: '+/8=', value: 'AQ==' }],
  ['bytes', 'Ag', { key: 'Ag==', value: '' }],
  ['own', Buffer.from('ü').toString('base64url'), { key: 'w7w=', value: 'eA==' }],
])('of store %s the key %s is told in its format', async (store, key, told) => {
  // Each partition has all of them.
  expect((await get(`/${store}/${encodeURIComponent(key)}`)).json).toMatchObject(told);
  expect((await get(`/${store}/${encodeURIComponent(key)}?partition_id=1`)).json).toMatchObject({
    ...told,
    partition_id: 1,
  });
  const rows = await pages(
    `/${store}/-/records?limit=1&from=${encodeURIComponent(key)}&to=${encodeURIComponent(key)}`,
  );
  expect(rows.map((row) => [row.key, row.value, row.partition_id])).toEqual(
    [0, 1, 2].map((partition) => [told.key, told.value, partition]),
  );
});

test.each<[path: string, status: number, field: string, message?: RegExp]>([
  ['/none', 404, 'store_name'],
  ['/none/a', 404, 'store_name'],
  [
    '/counts/missing',
    404,
    'key',
    /^Store 'counts' has nothing of the key in partition \d, as of offset \d+ of its changelog.$/,
  ],
  ['/counts/a?partition_id=3', 404, 'partition_id'],
  ['/counts/-/records?partition_id=3', 404, 'partition_id'],
  ['/counts/a?from_ms=1', 400, 'from_ms', /of windows/],
  ['/counts/-/records?to_ms=1', 400, 'to_ms'],
  ['/integers/one', 400, 'key', /no integer/],
  ['/own/*', 400, 'key', /base64/],
  ['/integers/-/records?from=1.5', 400, 'from'],
  ['/integers/-/records?prefix=1', 400, 'prefix'],
  ['/counts/-/records?limit=0', 400, 'limit'],
  ['/windows/-/records?page_token=AAAA', 400, 'page_token'],
  ['/counts/-/records?page_token=*', 400, 'page_token'],
  ['/unlogged/a', 400, 'store_name', /has no changelog/],
])('GET …/stores%s is %i, and tells which part is wrong', async (path, status, field, message = /./) => {
  const answer = await get(path);
  expect(answer.json).toMatchObject({ field, retriable: false, message: expect.stringMatching(message) });
  expect(answer.status).toBe(status);
});

test('an application or a changelog that is not there is a 404', async () => {
  expect((await api.call('GET /v3/-/streams/none/stores')).status).toBe(404);
  expect((await api.call('GET /v3/-/streams/none/stores/counts/a')).json).toMatchObject({
    field: 'application_id',
  });
});

test('a store of an operator’s own is not looked into', async () => {
  const { json } = await get<{ data: { store_name: string; type: string | null }[] }>('');
  const { store_name } = json.data.find(({ type }) => type === null)!;
  const answer = await get(`/${encodeURIComponent(store_name)}/-/records`);
  expect(answer.status).toBe(400);
  expect(answer.json.message).toMatch(/an operator’s own/);
});

describe('in a process of its own', () => {
  /** Over a store of a snapshot, whose requests are counted. */
  async function started(authorizer?: Parameters<typeof createWadi>[0]['authorizer']) {
    const storage = memoryStorage();
    const whole = await createWadi({ storage, clusterId: 'one' });
    for (const name of ['in', 'out']) await whole.topics.create({ name, partitions: PARTITIONS });
    await produce(whole, INPUTS);
    await runApplication(whole, everything());
    const calls: Call[] = [];
    const watched = intercepted(storage, (call, proceed) => {
      calls.push(call);
      return proceed();
    });
    const wadi = await createWadi({ storage: watched, clusterId: 'one', ...(authorizer && { authorizer }) });
    const { call } = callsOf(
      'http://wadi.test',
      'one',
      fetchFrom(() => wadi),
    );
    return { whole, wadi, call, calls };
  }

  const told = (calls: readonly Call[]) =>
    calls.map(({ store, operation }) => `${store}.${operation}`).sort();

  test('a cold query costs some requests, one of what is at hand the look at what is new', async () => {
    const { whole, call, calls } = await started();
    expect((await call(`GET ${STORES}/counts/a`)).status).toBe(200);
    // ACLs; the application and the task; the topic; the end of the changelog, and all that is in it, in one head.
    expect(told(calls)).toEqual([
      'groups.get',
      'groups.get',
      'log.get',
      'log.get',
      'log.getMany',
      'metadata.get',
      'metadata.query',
    ]);
    calls.length = 0;
    expect((await call(`GET ${STORES}/counts/a`)).status).toBe(200);
    expect(told(calls)).toEqual(['groups.get', 'log.get']);
    calls.length = 0;
    await produce(whole, [['a', 50]]);
    await runApplication(whole, everything());
    expect((await call<{ value: number }>(`GET ${STORES}/counts/a`)).json.value).toBe(
      timesOf('a').length + 1,
    );
    expect(told(calls).filter((name) => !name.startsWith('log.'))).toEqual(['groups.get']);
  });

  test('an application that was reset and has run again is told anew', async () => {
    const { whole, wadi, call } = await started();
    expect(
      (await call<{ value: number }>(`GET ${STORES}/counts/${encodeURIComponent('e/f')}`)).json.value,
    ).toBe(4);
    for (const { name } of await whole.topics.list())
      if (name.startsWith('app-')) await whole.topics.delete(name);
    const items = whole.storage.groups;
    for (const { pk, sk } of (await items.query({ pk: 'streams/app', limit: 100 })).items)
      await items.delete({ pk, sk });
    const gone = await call(`GET ${STORES}/counts/a`);
    expect([gone.status, gone.json.message]).toEqual([404, expect.stringMatching(/app-counts-changelog/)]);
    const topic = await whole.topics.describe('in');
    for (let partition = 0; partition < PARTITIONS; partition++)
      await whole.log.deleteRecords(topic, partition, -1);
    await produce(whole, [['new', 50]]);
    await runApplication(whole, everything());
    await wadi.clock.sleep(0);
    expect((await call<Page>(`GET ${STORES}/counts/-/records`)).json.data.map(({ key }) => key)).toEqual([
      'new',
    ]);
  });

  const DESCRIBE = { operation: 'DESCRIBE', resourceType: 'GROUP', resourceName: 'app' } as const;
  const READ = { operation: 'READ', resourceType: 'TOPIC', resourceName: 'app-counts-changelog' } as const;
  test.each([
    ['neither', [], [403, 403, 403, 403]],
    ['to read the changelog alone', [READ], [403, 403, 403, 403]],
    ['to describe the group alone', [DESCRIBE], [200, 200, 403, 403]],
    ['both', [DESCRIBE, READ], [200, 200, 200, 200]],
  ] as const)('who is allowed %s is told as much', async (_, allowed, statuses) => {
    const authorizer = { superUsers: new Set(['User:root']), allowEveryoneIfNoAclFound: false };
    const { whole, call } = await started(authorizer);
    await whole.acls.create(
      allowed.map((acl) => {
        const whom = { principal: 'User:ANONYMOUS', host: '*', permission: 'ALLOW' } as const;
        return { ...acl, ...whom, patternType: 'LITERAL' } as const;
      }),
    );
    const paths = ['', '/counts', '/counts/a', '/counts/-/records'];
    const answers = await Promise.all(paths.map((path) => call(`GET ${STORES}${path}`)));
    expect(answers.map(({ status }) => status)).toEqual(statuses);
  });
});
