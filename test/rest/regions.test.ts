import { operations as clusterOperations } from '../../functions/cluster.ts';
import { createAcls } from '../../lib/acl/acls.ts';
import { beginJoin } from '../../lib/replication/inSync.ts';
import { composeWadi, createWadi, type Wadi } from '../../lib/wadi.ts';
import { type World, world } from '../replication/support.ts';
import { fetchFrom } from './inProcess.ts';
import { callsOf, startApi } from './support.ts';

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
