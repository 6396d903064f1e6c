import type { Answer, Call, ErrorAnswer } from '../support.ts';
import { type Consumers, type Heartbeat, type Instance, startConsumers } from './support.ts';

interface List<T> {
  kind: string;
  metadata: { self: string; next: string | null };
  data: T[];
}
interface Group {
  consumer_group_id: string;
  state: string;
}
interface Position {
  topic_name: string;
  partition_id: number;
  before: number;
  offset: number;
}

let api: Consumers;
let one: Instance;
let memberId: string;
/** The URL of the group, and its name. */
let url: string;
let crn: string;
beforeEach(async () => {
  api = await startConsumers();
  one = await api.instance('one', { 'group.instance.id': 'one' });
  await one.call('POST /subscription', { body: { topics: ['orders'] } });
  await api.produce('orders', 1, 'a', 'b', 'c');
  await one.poll('max_bytes=2');
  await one.call('POST /offsets');
  memberId = (await one.call<Heartbeat>('POST /heartbeat')).json.member_id;
  url = `${api.clusterUrl}/consumer-groups/readers`;
  crn = `crn:///kafka=${api.cluster.wadi.clusterId}/consumer-group=readers`;
});
afterEach(() => api.cluster.close());

function ofGroup<T = ErrorAnswer>(route: string, call?: Call): Promise<Answer<T>> {
  return api.call<T>(route.replace(' ', ' /v3/-/consumer-groups/readers'), call);
}

/** Until nobody holds a partition: a static member keeps them when it leaves. */
async function leave(): Promise<void> {
  await one.call('DELETE /subscription');
  await one.call('DELETE ');
}

test('a group is described', async () => {
  const { json } = await ofGroup<object>('GET ');
  expect(json).toEqual({
    kind: 'KafkaConsumerGroup',
    metadata: { self: url, resource_name: crn },
    cluster_id: api.cluster.wadi.clusterId,
    consumer_group_id: 'readers',
    is_simple: false,
    partition_assignor: 'uniform',
    state: 'STABLE',
    type: 'CONSUMER',
    is_mixed_consumer_group: false,
    epoch: 1,
    members_count: 1,
    coordinator: { related: `${api.clusterUrl}/brokers/1` },
    consumers: { related: `${url}/consumers` },
    lag_summary: { related: `${url}/lag-summary` },
  });
});

test('groups are listed in pages, whatever their names', async () => {
  for (const group of ['a/b c', 'été', 'z']) {
    await api.call(`POST /consumers/${encodeURIComponent(group)}`, { body: { name: 'one' } });
  }
  const names: string[] = [];
  for (let path: string | null = `${api.clusterUrl}/consumer-groups?page_size=1`; path !== null; ) {
    const { json }: Answer<List<Group>> = await api.call(`GET ${path.slice(api.cluster.url.length)}`);
    expect(json.kind).toBe('KafkaConsumerGroupList');
    names.push(...json.data.map((group) => group.consumer_group_id));
    path = json.metadata.next;
    expect(names.length).toBeLessThan(10);
  }
  expect(names).toEqual(['a/b c', 'readers', 'z', 'été']);
  const { json } = await api.call<List<{ metadata: { self: string } }>>('GET /v3/-/consumer-groups');
  const self = json.data[0]!.metadata.self;
  expect(self).toBe(`${api.clusterUrl}/consumer-groups/a%2Fb%20c`);
  const { pathname } = new URL(self);
  expect((await api.call<Group>(`GET ${pathname}`)).json.consumer_group_id).toBe('a/b c');
});

test('consumers and what is assigned to them', async () => {
  const consumer = {
    kind: 'KafkaConsumer',
    metadata: { self: `${url}/consumers/${memberId}`, resource_name: `${crn}/consumer=${memberId}` },
    cluster_id: api.cluster.wadi.clusterId,
    consumer_group_id: 'readers',
    consumer_id: memberId,
    instance_id: 'one',
    client_id: 'one',
    assignments: { related: `${url}/consumers/${memberId}/assignments` },
  };
  expect((await ofGroup<List<object>>('GET /consumers')).json).toEqual({
    kind: 'KafkaConsumerList',
    metadata: { self: `${url}/consumers`, next: null },
    data: [consumer],
  });
  expect((await ofGroup<object>(`GET /consumers/${memberId}`)).json).toEqual(consumer);

  const path = `/consumers/${memberId}/assignments`;
  const { json } = await ofGroup<List<{ partition_id: number }>>(`GET ${path}`);
  expect(json.data.map(({ partition_id }) => partition_id)).toEqual([0, 1, 2]);
  expect((await ofGroup<object>(`GET ${path}/orders/partitions/1`)).json).toEqual({
    kind: 'KafkaConsumerAssignment',
    metadata: {
      self: `${url}${path}/orders/partitions/1`,
      resource_name: `${crn}/consumer=${memberId}/assignment=orders/partition=1`,
    },
    cluster_id: api.cluster.wadi.clusterId,
    consumer_group_id: 'readers',
    consumer_id: memberId,
    topic_name: 'orders',
    partition_id: 1,
    partition: { related: `${api.clusterUrl}/topics/orders/partitions/1` },
    lag: { related: `${url}/lags/orders/partitions/1` },
  });
  expect(json.data).toContainEqual((await ofGroup<object>(`GET ${path}/orders/partitions/1`)).json);
});

test('assignments and lags come in pages', async () => {
  for (const what of [`/consumers/${memberId}/assignments`, '/lags']) {
    const first = await ofGroup<List<{ partition_id: number }>>(`GET ${what}?page_size=2`);
    expect(first.json.data.map(({ partition_id }) => partition_id)).toEqual([0, 1]);
    const next = new URL(first.json.metadata.next!);
    const second = await api.call<List<{ partition_id: number }>>(`GET ${next.pathname}${next.search}`);
    expect([second.json.data.map(({ partition_id }) => partition_id), second.json.metadata.next]).toEqual([
      [2],
      null,
    ]);
  }
});

test('lags are told by partition and in all', async () => {
  const lag = {
    kind: 'KafkaConsumerLag',
    metadata: {
      self: `${url}/lags/orders/partitions/1`,
      resource_name: `${crn}/lag=orders/partition=1`,
    },
    cluster_id: api.cluster.wadi.clusterId,
    consumer_group_id: 'readers',
    topic_name: 'orders',
    partition_id: 1,
    current_offset: 2,
    log_end_offset: 3,
    lag: 1,
    consumer_id: memberId,
    instance_id: 'one',
    client_id: 'one',
  };
  expect((await ofGroup<object>('GET /lags/orders/partitions/1')).json).toEqual(lag);
  expect((await ofGroup<List<object>>('GET /lags')).json.data).toContainEqual(lag);
  await api.produce('orders', 2, 'x', 'y');
  expect((await ofGroup<object>('GET /lag-summary')).json).toEqual({
    kind: 'KafkaConsumerGroupLagSummary',
    metadata: { self: `${url}/lag-summary`, resource_name: `${crn}/lag-summary` },
    cluster_id: api.cluster.wadi.clusterId,
    consumer_group_id: 'readers',
    max_lag_consumer_id: memberId,
    max_lag_instance_id: 'one',
    max_lag_client_id: 'one',
    max_lag_topic_name: 'orders',
    max_lag_partition_id: 2,
    max_lag: 2,
    total_lag: 3,
    max_lag_consumer: { related: `${url}/consumers/${memberId}` },
    max_lag_partition: { related: `${api.clusterUrl}/topics/orders/partitions/2` },
  });
});

test('a lag of a partition that nobody has now has no consumer', async () => {
  await leave();
  const summary = await ofGroup<{ max_lag_consumer: object }>('GET /lag-summary');
  expect(summary.json.max_lag_consumer).toEqual({ related: `${url}/consumers` });
  const { json } = await ofGroup<object>('GET /lags/orders/partitions/1');
  expect(json).toMatchObject({ current_offset: 2, consumer_id: '', instance_id: null, client_id: '' });
});

test.each([
  ['GET ', 40403],
  ['DELETE ', 40403],
  ['GET /consumers', 40403],
  ['GET /consumers/x', 40403],
  ['GET /consumers/x/assignments', 40403],
  ['GET /consumers/x/assignments/orders/partitions/0', 40403],
  ['GET /lags', 40403],
  ['GET /lags/orders/partitions/0', 40403],
  ['GET /lag-summary', 40403],
  ['DELETE /positions', 40403],
])('%s of a group that is not there: 404', async (route, code) => {
  const { status, json } = await api.call(route.replace(' ', ' /v3/-/consumer-groups/nope'));
  expect([status, json.error_code, json.field]).toEqual([404, code, 'consumer_group_id']);
});

test.each([
  ['GET /consumers/x', 404, 'consumer_id'],
  ['GET /consumers/x/assignments', 404, 'consumer_id'],
  ['GET /consumers/ME/assignments/orders/partitions/3', 404, 'partition_id'],
  ['GET /consumers/ME/assignments/nope/partitions/0', 404, 'partition_id'],
  ['GET /consumers/ME/assignments/orders/partitions/x', 400, 'partition_id'],
  ['GET /lags/orders/partitions/9', 404, 'partition_id'],
  ['GET /lags?page_size=0', 400, 'page_size'],
  ['GET ?page_size=0', 200, undefined],
])('%s: %d', async (route, status, field) => {
  const answer = await ofGroup(route.replace('ME', memberId));
  expect([answer.status, answer.json.field]).toEqual([status, field]);
});

test.each(['page_size=0', 'page_size=101', 'page_token='])('groups?%s is refused', async (query) => {
  const { status, json } = await api.call(`GET /v3/-/consumer-groups?${query}`);
  expect([status, json.field]).toEqual([400, query.split('=')[0]]);
});

test('a group without positions has no summary of lags', async () => {
  await api.call('POST /consumers/empty', { body: {} });
  const { status, json } = await api.call('GET /v3/-/consumer-groups/empty/lag-summary');
  expect([status, json.error_code]).toEqual([404, 404]);
  expect((await api.call<List<object>>('GET /v3/-/consumer-groups/empty/lags')).json.data).toEqual([]);
});

describe('reset', () => {
  const reset = (body: unknown) => ofGroup<List<Position>>('POST /positions:reset', { body });
  const topics = (...partitions: number[]) => [{ topic_name: 'orders', partitions }];
  const found = ({ json }: Answer<List<Position>>) =>
    json.data.map(({ partition_id, before, offset }) => [partition_id, before, offset]);
  const committed = async () => found(await reset({ to: { shift: 0 }, dry_run: true }));

  test('without topics, of all that have a position', async () => {
    await leave();
    const { status, json } = await reset({ to: 'earliest' });
    expect([status, json]).toEqual([
      200,
      {
        kind: 'KafkaConsumerGroupPositionList',
        metadata: { self: `${url}/positions:reset`, next: null },
        data: expect.arrayContaining([
          {
            kind: 'KafkaConsumerGroupPosition',
            metadata: {
              self: `${url}/lags/orders/partitions/1`,
              resource_name: `${crn}/position=orders/partition=1`,
            },
            cluster_id: api.cluster.wadi.clusterId,
            consumer_group_id: 'readers',
            topic_name: 'orders',
            partition_id: 1,
            before: 2,
            offset: 0,
          },
        ]),
      },
    ]);
    expect((await committed()).find(([partition]) => partition === 1)).toEqual([1, 0, 0]);
  });

  test.each([
    ['earliest', 0],
    ['latest', 3],
    [{ offset: 1 }, 1],
    [{ offset: 99 }, 3],
    [{ shift: -1 }, 1],
    [{ shift: -9 }, 0],
    [{ timestamp: 0 }, 0],
    [{ timestamp: '2999-01-01T00:00:00Z' }, 3],
  ])('to %j', async (to, offset) => {
    await leave();
    expect(found(await reset({ to, topics: topics(1), dry_run: true }))).toEqual([[1, 2, offset]]);
    expect(found(await reset({ to: { shift: 0 }, topics: topics(1, 1) }))).toEqual([[1, 2, 2]]);
    expect(found(await reset({ to, topics: topics(1) }))).toEqual([[1, 2, offset]]);
    expect(found(await reset({ to: { shift: 0 }, topics: topics(1) }))).toEqual([[1, offset, offset]]);
  });

  test('of all partitions of a topic, for a group that it makes', async () => {
    const path = 'POST /v3/-/consumer-groups/new/positions:reset';
    const body = { to: 'latest', topics: [{ topic_name: 'orders' }] };
    expect(found(await api.call<List<Position>>(path, { body }))).toEqual([
      [0, -1, 0],
      [1, -1, 3],
      [2, -1, 0],
    ]);
    expect((await api.call<Group>('GET /v3/-/consumer-groups/new')).json.state).toBe('EMPTY');
  });

  test('while a member holds a partition it is refused, and nothing moves', async () => {
    const { status, json } = await ofGroup('POST /positions:reset', {
      body: { to: 'earliest', topics: topics(1) },
    });
    expect([status, json.error_code, json.kafka_error_code]).toEqual([409, 40906, 68]);
    expect((await ofGroup<object>('GET /lags/orders/partitions/1')).json).toMatchObject({
      current_offset: 2,
    });
  });

  test.each([
    [{}, 400, 400, 'to'],
    [{ to: 'first' }, 400, 400, 'to'],
    [{ to: { offset: -1 } }, 400, 400, 'to.offset'],
    [{ to: { shift: 1.5 } }, 400, 400, 'to.shift'],
    [{ to: { timestamp: 'now' } }, 400, 40002, 'to.timestamp'],
    [{ to: { offset: 1, shift: 1 } }, 400, 400, undefined],
    [{ to: 'latest', topics: topics(3) }, 404, 40403, 'partition_id'],
    [{ to: 'latest', topics: [{ topic_name: 'no' }] }, 404, 40403, 'topic_name'],
    [{ to: 'latest', dryRun: true }, 400, 400, 'dryRun'],
  ])('%j is refused, and nothing moves', async (body, status, code, field) => {
    await leave();
    const answer = await ofGroup('POST /positions:reset', { body });
    expect([answer.status, answer.json.error_code]).toEqual([status, code]);
    if (field !== undefined) expect(answer.json.field).toBe(field);
    expect((await ofGroup<object>('GET /lags/orders/partitions/1')).json).toMatchObject({
      current_offset: 2,
    });
  });
});

describe('delete', () => {
  const hasPosition = async (partition: number) =>
    (await ofGroup<{ current_offset: number }>(`GET /lags/orders/partitions/${partition}`)).status === 200;

  test.each([
    ['?topic_name=orders&partition_id=1', false],
    ['?topic_name=orders&partition_id=0', true],
    ['?topic_name=orders', false],
    ['', false],
  ])('positions%s', async (query, stays) => {
    await leave();
    expect((await ofGroup(`DELETE /positions${query}`)).status).toBe(204);
    expect(await hasPosition(1)).toBe(stays);
  });

  test.each([
    ['?partition_id=1', 400, 'topic_name'],
    ['?topic_name=nope', 404, 'topic_name'],
    ['?topic_name=orders&partition_id=3', 404, 'partition_id'],
  ])('positions%s is refused', async (query, status, field) => {
    await leave();
    const answer = await ofGroup(`DELETE /positions${query}`);
    expect([answer.status, answer.json.field]).toEqual([status, field]);
    expect(await hasPosition(1)).toBe(true);
  });

  test('positions that a member holds, and groups that have members, stay', async () => {
    const positions = await ofGroup('DELETE /positions?topic_name=orders&partition_id=1');
    expect([positions.status, positions.json.error_code]).toEqual([409, 40908]);
    const group = await ofGroup('DELETE ');
    expect([group.status, group.json.error_code]).toEqual([409, 40906]);
    expect(await hasPosition(1)).toBe(true);
  });

  test('a group without members goes with its positions', async () => {
    const path = '/v3/-/consumer-groups/new';
    const body = { to: 'latest', topics: [{ topic_name: 'orders' }] };
    await api.call(`POST ${path}/positions:reset`, { body });
    expect((await api.call(`DELETE ${path}`)).status).toBe(204);
    expect((await api.call(`GET ${path}`)).status).toBe(404);
  });
});
