import { allOperations, operations as clusterOperations } from '../../functions/cluster.ts';
import { createAcls } from '../../lib/acl/acls.ts';
import { producer } from '../../lib/client/index.ts';
import type { WadiError } from '../../lib/errors.ts';
import { logErrorsBy } from '../../lib/logError.ts';
import { beginJoin, IN_SYNC_KEY } from '../../lib/replication/inSync.ts';
import { RECORD_BATCH_TYPE } from '../../lib/rest/records/recordBatchType.ts';
import type { Key } from '../../lib/storage/ports.ts';
import { composeWadi, createWadi, type Wadi } from '../../lib/wadi.ts';
import { run } from '../cli/support.ts';
import { type World, world } from '../replication/support.ts';
import { batch } from '../support/log.ts';
import { fetchFrom } from './inProcess.ts';
import { callsOf, type ErrorAnswer, startApi } from './support.ts';

const V2_JSON = 'application/vnd.kafka.json.v2+json';
const ROOT = 'http://wadi.test:81';
const OF_CLUSTER = new Set(clusterOperations);

interface List<T> {
  data: T[];
}

/** The functions of one region, of which `cluster` knows no more than which regions there are. */
async function apiIn(there: World, region: string) {
  const wadi = await there.process(region);
  const { clusterId, clock } = wadi;
  const regions = { local: region, all: wadi.regions };
  const cluster = await composeWadi(
    { acls: createAcls },
    { storage: there.items, clock, clusterId, regions },
  );
  const fetch = fetchFrom((operation) => (OF_CLUSTER.has(operation) ? cluster : wadi));
  return { wadi, fetch, ...callsOf(ROOT, clusterId, fetch) };
}

type Api = Awaited<ReturnType<typeof apiIn>>;

/** Whatever is answered with 500 or more. */
const logged: Error[] = [];
logErrorsBy((error) => logged.push(error));
afterEach(() => {
  const others = logged.splice(0).filter((error) => (error as WadiError).kafka !== 'NOT_ENOUGH_REPLICAS');
  expect(others).toEqual([]);
});

let there: World;
let api: Api;
beforeEach(async () => {
  there = world(['a', 'b', 'c'], { b: 'https://b.test', c: 'http://c.test:8080' });
  api = await apiIn(there, 'a');
});

/** The region is out: it did not take what was appended. */
async function lose(region: string): Promise<void> {
  there.weather[region] = 'down';
  await append(api.wadi, 'lost');
}

async function append(wadi: Wadi, name: string): Promise<void> {
  if (!(await wadi.topics.list()).some((topic) => topic.name === name)) await wadi.topics.create({ name });
  const { status } = await api.call(`POST /v3/-/topics/${name}/records`, {
    body: { value: { type: 'STRING', data: '.'.repeat(5_000) } },
  });
  expect(status).toBe(200);
}

describe('regions', () => {
  interface Region {
    name: string;
    state: string;
    since_ms: number | null;
    since_epoch: number | null;
    in_sync_epoch: number;
  }
  const states = async () => {
    const { json } = await api.call<List<Region>>('GET /v3/-/regions');
    return Object.fromEntries(json.data.map(({ name, state }) => [name, state]));
  };

  test('are listed with their brokers, and which of them answers', async () => {
    const { json } = await api.call<List<Region>>('GET /v3/-/regions');
    const region = (name: string, id: number, url: string | null) => ({
      kind: 'KafkaRegion',
      metadata: {
        self: `${api.clusterUrl}/regions/${name}`,
        resource_name: `crn:///kafka=${api.wadi.clusterId}/region=${name}`,
      },
      cluster_id: api.wadi.clusterId,
      ...{ name, broker_id: id, state: 'in_sync', since_ms: 1_000_000, since_epoch: 1, in_sync_epoch: 1 },
      ...{ is_local: name === 'a', url },
      broker: { related: `${api.clusterUrl}/brokers/${id}` },
    });
    expect(json).toEqual({
      kind: 'KafkaRegionList',
      metadata: { self: `${api.clusterUrl}/regions`, next: null },
      data: [region('a', 1, null), region('b', 2, 'https://b.test'), region('c', 3, 'http://c.test:8080')],
    });
    for (const each of json.data) {
      expect((await api.call(`GET /v3/-/regions/${each.name}`)).json).toEqual(each);
    }
  });

  test('that fail are out, and since when; back again they are in sync', async () => {
    await lose('c');
    expect(await states()).toEqual({ a: 'in_sync', b: 'in_sync', c: 'out' });
    const { json } = await api.call<Region>('GET /v3/-/regions/c');
    expect(json).toMatchObject({ state: 'out', since_epoch: 2, in_sync_epoch: 2 });
    expect(json.since_ms).toBeGreaterThan(1_000_000);
    expect((await api.call<Region>('GET /v3/-/regions/b')).json).toMatchObject({
      ...{ since_ms: 1_000_000, since_epoch: 1, in_sync_epoch: 2 },
    });

    there.weather.c = 'up';
    await api.wadi.replication!.membership.change((inSync, now) => beginJoin(inSync, 'c', now));
    expect(await states()).toEqual({ a: 'in_sync', b: 'in_sync', c: 'joining' });
    await there.rejoin(api.wadi);
    expect(await states()).toEqual({ a: 'in_sync', b: 'in_sync', c: 'in_sync' });
  });

  test('that were added to the configuration are out, since no time', async () => {
    await api.call('GET /v3/-/regions');
    const added = await createWadi({
      storage: there.items,
      clock: api.wadi.clock,
      regions: { local: 'a', all: [...api.wadi.regions, { ...api.wadi.regions[2]!, id: 4, name: 'd' }] },
    });
    const { call } = callsOf(
      ROOT,
      added.clusterId,
      fetchFrom(() => added),
    );
    expect((await call('GET /v3/-/regions/d')).json).toMatchObject({
      ...{ state: 'out', since_ms: null, since_epoch: null },
    });
  });

  test('are none in a cluster of one', async () => {
    const single = await startApi();
    try {
      expect((await single.call<List<Region>>('GET /v3/-/regions')).json.data).toEqual([]);
      expect((await single.call('GET /v3/-/regions/a')).status).toBe(404);
    } finally {
      await single.cluster.close();
    }
  });

  test('that there are not cannot be found', async () => {
    const { status, json } = await api.call('GET /v3/-/regions/d');
    expect([status, json.error_code, json.field]).toEqual([404, 404, 'region_name']);
  });
});

describe('brokers', () => {
  interface Broker {
    broker_id: number;
    rack: string;
    host: string;
    port: number;
  }

  test('are the regions, at their own address where it is known', async () => {
    const { json } = await api.call<List<Broker>>('GET /v3/-/brokers');
    expect(json.data.map(({ broker_id, rack, host, port }) => [broker_id, rack, host, port])).toEqual([
      [1, 'a', 'wadi.test', 81],
      [2, 'b', 'b.test', 443],
      [3, 'c', 'c.test', 8080],
    ]);
    for (const each of json.data) {
      expect((await api.call(`GET /v3/-/brokers/${each.broker_id}`)).json).toEqual(each);
    }
    expect((await api.call('GET /brokers')).json).toEqual({ brokers: [1, 2, 3] });
  });

  test('have the number of regions as their default replication factor', async () => {
    const { json } = await api.call<List<{ broker_id: number; name: string; value: string }>>(
      'GET /v3/-/brokers/-/configs',
    );
    const factors = json.data.filter(({ name }) => name === 'default.replication.factor');
    expect(factors.map(({ broker_id, value }) => [broker_id, value])).toEqual([
      [1, '3'],
      [2, '3'],
      [3, '3'],
    ]);
    const own = await api.call<List<object>>('GET /v3/-/brokers/2/configs');
    expect(own.json.data).toEqual(json.data.filter(({ broker_id }) => broker_id === 2));
  });

  test.each([
    'GET /v3/-/brokers/4',
    'GET /v3/-/brokers/0',
    'GET /v3/-/brokers/4/configs',
    'GET /v3/-/brokers/4/configs/num.partitions',
    'GET /v3/-/brokers/4/partition-replicas',
  ])('that there are not cannot be found: %s', async (route) => {
    const { status, json } = await api.call(route);
    expect([status, json.field]).toEqual([404, 'broker_id']);
  });

  test.each([
    ['a', 1],
    ['c', 3],
  ])('that answer are controller and coordinator: in %s %i', async (region, id) => {
    const { call, clusterUrl } = await apiIn(there, region);
    const broker = { related: `${clusterUrl}/brokers/${id}` };
    expect((await call('GET /v3/-')).json).toMatchObject({ controller: broker });
    await call('POST /consumers/readers', { body: {} });
    expect((await call('GET /v3/-/consumer-groups/readers')).json).toMatchObject({ coordinator: broker });
  });
});

describe('topics', () => {
  const create = (replication_factor?: number | null) =>
    api.call<ErrorAnswer & { replication_factor: number }>('POST /v3/-/topics', {
      body: { topic_name: 'orders', replication_factor },
    });

  test.each([
    [1, 1],
    [2, 2],
    [3, 3],
    [-1, 3],
    [null, 3],
    [undefined, 3],
  ])('of replication_factor %p are in %i regions', async (asked, told) => {
    const created = await create(asked);
    expect([created.status, created.json.replication_factor]).toEqual([201, told]);
    for (const path of ['/orders', '']) {
      const { text } = await api.call(`GET /v3/-/topics${path}`);
      expect(text).toContain(`"replication_factor":${told},`);
    }
  });

  test.each([0, 4, -2])('cannot have a replication_factor of %i', async (asked) => {
    const { status, json } = await create(asked);
    expect([status, json.kafka_error_code, json.field]).toEqual([400, 38, 'replication_factor']);
    const bridge = await api.call('POST /admin/topics', {
      body: { topic_name: 'orders', replication_factor: asked },
    });
    expect([bridge.status, bridge.json.field]).toEqual([400, 'replication_factor']);
  });

  test('may ask for more replicas in sync than they have, which refuses acks=all', async () => {
    const configs = [{ name: 'min.insync.replicas', value: '3' }];
    const body = { topic_name: 'orders', replication_factor: 2, configs };
    expect((await api.call('POST /v3/-/topics', { body })).status).toBe(201);
    const produce = (acks: string) =>
      api.call(`POST /v3/-/topics/orders/records?acks=${acks}`, {
        body: { value: { type: 'STRING', data: 'x' } },
      });
    expect((await produce('all')).json.kafka_error_code).toBe(19);
    expect((await produce('1')).status).toBe(200);
  });
});

describe('replicas', () => {
  /** Broker, whether it is the leader, whether it is in sync. */
  type Told = [broker: number, leader: boolean, inSync: boolean];
  interface ReplicaData {
    topic_name: string;
    partition_id: number;
    broker_id: number;
    is_leader: boolean;
    is_in_sync: boolean;
  }
  const told = ({ broker_id, is_leader, is_in_sync }: ReplicaData): Told => [
    broker_id,
    is_leader,
    is_in_sync,
  ];

  /** Topics are placed in the region that they are made in, and those behind it: `two` in b and c. */
  async function topicsMade(): Promise<void> {
    const inB = await there.process('b');
    await inB.topics.create({ name: 'all', partitions: 2 });
    await inB.topics.create({ name: 'one', replicationFactor: 1 });
    await inB.topics.create({ name: 'two', replicationFactor: 2 });
  }

  const CASES: readonly [topic: string, asked: string, lost: string | undefined, replicas: Told[]][] = [
    [
      'all',
      'a',
      undefined,
      [
        [1, true, true],
        [2, false, true],
        [3, false, true],
      ],
    ],
    [
      'all',
      'c',
      undefined,
      [
        [1, false, true],
        [2, false, true],
        [3, true, true],
      ],
    ],
    [
      'all',
      'a',
      'b',
      [
        [1, true, true],
        [2, false, false],
        [3, false, true],
      ],
    ],
    [
      'all',
      'b',
      'b',
      [
        [1, false, true],
        [2, true, false],
        [3, false, true],
      ],
    ],
    [
      'two',
      'a',
      undefined,
      [
        [2, true, true],
        [3, false, true],
      ],
    ],
    [
      'two',
      'c',
      undefined,
      [
        [2, false, true],
        [3, true, true],
      ],
    ],
    [
      'two',
      'a',
      'b',
      [
        [2, false, false],
        [3, true, true],
      ],
    ],
    ['one', 'a', undefined, [[2, true, true]]],
    ['one', 'a', 'b', [[2, true, false]]],
  ];

  test.each(CASES)('of %s, as %s tells when %s is lost', async (topic, asked, lost, replicas) => {
    await topicsMade();
    if (lost !== undefined) await lose(lost);
    const { call, clusterUrl } = await apiIn(there, asked);
    const partition = `/v3/-/topics/${topic}/partitions/0`;
    const leader = replicas.find(([, isLeader]) => isLeader)![0];

    const { json } = await call<List<ReplicaData>>(`GET ${partition}/replicas`);
    expect(json.data.map(told)).toEqual(replicas);
    for (const each of json.data) {
      const one = await call(`GET ${partition}/replicas/${each.broker_id}`);
      expect(one.json).toEqual(each);
      const ofBroker = await call<List<ReplicaData>>(
        `GET /v3/-/brokers/${each.broker_id}/partition-replicas`,
      );
      expect(ofBroker.json.data).toContainEqual(each);
    }
    const link = { related: `${clusterUrl}/topics/${topic}/partitions/0/replicas/${leader}` };
    expect((await call(`GET ${partition}`)).json).toMatchObject({ leader: link });
    const partitions = await call<List<object>>(`GET /v3/-/topics/${topic}/partitions`);
    expect(partitions.json.data[0]).toMatchObject({ leader: link });

    const v2 = {
      ...{ partition: 0, leader },
      replicas: replicas.map(([broker, isLeader, inSync]) => ({ broker, leader: isLeader, in_sync: inSync })),
    };
    expect((await call(`GET /topics/${topic}/partitions/0`)).json).toEqual(v2);
    expect((await call<object[]>(`GET /topics/${topic}/partitions`)).json[0]).toEqual(v2);
    expect((await call<{ partitions: object[] }>(`GET /topics/${topic}`)).json.partitions[0]).toEqual(v2);
  });

  test('of a broker are those of the topics that it has', async () => {
    await topicsMade();
    const of = async (broker: number) => {
      const { json } = await api.call<List<ReplicaData>>(`GET /v3/-/brokers/${broker}/partition-replicas`);
      return json.data.map(({ topic_name, partition_id }) => `${topic_name}-${partition_id}`);
    };
    expect(await of(1)).toEqual(['all-0', 'all-1']);
    expect(await of(2)).toEqual(['all-0', 'all-1', 'one-0', 'two-0']);
    expect(await of(3)).toEqual(['all-0', 'all-1', 'two-0']);
    const page = await api.call<List<object> & { metadata: { next: string } }>(
      'GET /v3/-/brokers/3/partition-replicas?page_size=2',
    );
    const next = await api.call<List<ReplicaData>>(`GET ${page.json.metadata.next.replace(ROOT, '')}`);
    expect(next.json.data).toMatchObject([{ topic_name: 'two', partition_id: 0 }]);
  });

  test('that a topic has not cannot be found', async () => {
    await topicsMade();
    const { status, json } = await api.call('GET /v3/-/topics/one/partitions/0/replicas/1');
    expect([status, json.field]).toEqual([404, 'broker_id']);
  });

  test('are never reassigned', async () => {
    await topicsMade();
    await lose('c');
    const { json } = await api.call<List<object>>('GET /v3/-/topics/-/partitions/-/reassignment');
    expect(json.data).toEqual([]);
  });

  test.each([
    'GET /v3/-/topics/all/partitions',
    'GET /v3/-/topics/all/partitions/1',
    'GET /v3/-/topics/all/partitions/1/replicas',
    'GET /v3/-/topics/all/partitions/1/replicas/2',
    'GET /v3/-/brokers/2/partition-replicas',
    'GET /topics/all',
    'GET /topics/all/partitions',
    'GET /topics/all/partitions/1',
    'GET /v3/-/regions',
    'GET /v3/-/regions/c',
  ])('%s reads once who is in sync', async (route) => {
    await topicsMade();
    await api.call('GET /v3/-/regions');
    const { log } = there.items;
    const read: string[] = [];
    const get = log.get.bind(log);
    Object.assign(log, {
      get: (key: Key) => {
        read.push(key.pk);
        return get(key);
      },
    });
    expect((await api.call(route)).status).toBe(200);
    expect(read.filter((pk) => pk === IN_SYNC_KEY.pk)).toHaveLength(1);
  });
});

describe('with too few regions in sync', () => {
  const json = { type: 'JSON', data: 1 };
  const record = { value: 'x', timestamp: 1_000_000 };
  const refusal = { error_code: 50003, kafka_error_code: 19, retriable: true };

  beforeEach(async () => {
    await api.wadi.topics.create({ name: 'orders' });
    there.weather.b = there.weather.c = 'down';
    await api.call('POST /v3/-/topics/orders/records', {
      body: { value: { type: 'STRING', data: '.'.repeat(5_000) } },
    });
  });

  const PRODUCE: readonly [route: string, type: string, body: unknown][] = [
    ['/v3/-/topics/orders/records', 'application/json', { value: json }],
    ['/v3/-/topics/orders/partitions/0/records', 'application/json', { value: json }],
    ['/v3/-/topics/orders/partitions/0/records', RECORD_BATCH_TYPE, batch(['x']).bytes],
    ['/topics/orders', V2_JSON, { records: [{ value: 1 }] }],
    ['/topics/orders/partitions/0', V2_JSON, { records: [{ value: 1 }] }],
  ];

  test.each(PRODUCE)('POST %s of %s asks to try again; with acks=1 it appends', async (route, type, body) => {
    const more = { body, headers: { 'content-type': type } };
    const refused = await api.call(`POST ${route}`, more);
    expect([refused.status, refused.json]).toMatchObject([503, refusal]);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect((await api.call(`POST ${route}?acks=1`, more)).status).toBe(200);
  });

  test('each entry of records:batch asks to be tried again', async () => {
    const body = { entries: ['1', '2'].map((id) => ({ id, value: json })) };
    const { json: answer } = await api.call<{ failures: object[] }>(
      'POST /v3/-/topics/orders/records:batch',
      {
        body,
      },
    );
    expect(answer.failures).toMatchObject([
      { id: '1', ...refusal },
      { id: '2', ...refusal },
    ]);
  });

  test('every operation that produces declares it', () => {
    const declaring = allOperations.filter(({ errors }) => errors.includes('NOT_ENOUGH_REPLICAS'));
    expect(declaring.map(({ id }) => id).toSorted()).toEqual(
      ['produceRecord', 'produceRecordsBatch', 'produceToPartition', 'send', 'sendToPartition'].toSorted(),
    );
  });

  test('a producer of the client goes on trying until there are enough', async () => {
    let appends = 0;
    const { send, close } = producer({
      url: ROOT,
      retryBackoffMs: 1,
      async fetch(input, init) {
        const answer = await api.fetch(input, init);
        if (init?.method !== 'POST' || ++appends > 1) return answer;
        expect(answer.status).toBe(503);
        there.weather.b = 'up';
        await there.rejoin(api.wadi);
        return answer;
      },
    });
    const sent = await send({ topic: 'orders', records: [record] });
    expect(sent).toEqual([{ topic: 'orders', partition: 0, offset: 0 }]);
    expect(appends).toBe(2);
    await close();
  });

  test('a producer of the client gives up when delivery.timeout.ms is over, and says why', async () => {
    const { send, close } = producer({ url: ROOT, fetch: api.fetch, deliveryTimeoutMs: 500 });
    const failed = await send({ topic: 'orders', records: [record] }).catch((error) => error);
    expect(failed).toMatchObject({ kafka: 'NOT_ENOUGH_REPLICAS', code: 19, status: 503, retriable: true });
    await close();
  });
});

describe('the command line', () => {
  const { fetch } = globalThis;
  beforeEach(() => {
    globalThis.fetch = api.fetch;
  });
  afterEach(() => {
    globalThis.fetch = fetch;
  });
  const output = async (...args: string[]) => {
    const { out, err } = await run(ROOT, args);
    expect(err).toBe('');
    return out.toString().split('\n');
  };

  test('lists regions, and describes one', async () => {
    await lose('c');
    const since = (await api.wadi.replication!.inSync()).regions.get('c')!.sinceMs;
    const [early, late] = [1_000_000, since].map((ms) => new Date(ms).toISOString());
    expect(await output('regions', 'list')).toEqual([
      `region  broker  state    since                     local  url`,
      `a       1       in sync  ${early}  yes    -`,
      `b       2       in sync  ${early}         https://b.test`,
      `c       3       out      ${late}         http://c.test:8080`,
      '',
    ]);
    expect(await output('regions', 'describe', 'c')).toEqual([
      'region  c',
      'broker  3',
      'state   out',
      `since   ${late}, epoch 2 of 2`,
      'local   no',
      'url     http://c.test:8080',
      '',
    ]);
    const { code, err } = await run(ROOT, ['regions', 'describe', 'd']);
    expect([code, err]).toEqual([1, expect.stringContaining('Region d cannot be found')]);
  });

  test('describes the replicas of a topic, and which are in sync', async () => {
    await api.wadi.topics.create({ name: 'orders', replicationFactor: 2 });
    await lose('b');
    expect((await output('topics', 'describe', 'orders')).slice(0, 5)).toEqual([
      'topic       orders',
      'partitions  1',
      'replicas    1 (a), 2 (b)',
      'isr         1 (a)',
      'size        0 B',
    ]);
  });

  test('creates a topic in as many regions as it is told', async () => {
    await output('topics', 'create', 'orders', '--replication-factor', '1');
    expect((await api.wadi.topics.describe('orders')).replicas).toEqual(['a']);
  });
});
