import { type Api, startApi } from './support.ts';

let api: Api;
beforeEach(async () => {
  api = await startApi({
    authorizer: { superUsers: new Set(['User:root']), allowEveryoneIfNoAclFound: true },
  });
});
afterEach(() => api.cluster.close());

const as = (user: string) => ({ authorization: `Basic ${Buffer.from(`${user}:`).toString('base64')}` });
const ROOT = as('root');

const ALICE_READS = {
  resource_type: 'TOPIC',
  resource_name: 'orders',
  pattern_type: 'LITERAL',
  principal: 'User:alice',
  host: '*',
  operation: 'READ',
  permission: 'ALLOW',
};

interface Acls {
  kind: string;
  metadata: { self: string; next: null };
  data: (typeof ALICE_READS & { kind: string; metadata: { self: string }; cluster_id: string })[];
}

const list = (query = '') => api.call<Acls>(`GET /v3/-/acls${query}`, { headers: ROOT });
const create = (body: unknown, headers = ROOT) => api.call('POST /v3/-/acls', { body, headers });

test('ACLs are created one by one or many at once, listed and deleted, in the words of REST Proxy', async () => {
  const created = await create(ALICE_READS);
  expect([created.status, created.text]).toEqual([201, '']);
  const ben = { ...ALICE_READS, principal: 'User:ben', resource_name: 'or', pattern_type: 'PREFIXED' };
  const batch = await api.call('POST /v3/-/acls:batch', {
    body: { data: [ALICE_READS, ben] },
    headers: ROOT,
  });
  expect([batch.status, batch.text]).toEqual([201, '']);
  const { json } = await list('?principal=User%3Aalice');
  const { clusterId } = api.cluster.wadi;
  const self = `${api.clusterUrl}/acls?${new URLSearchParams(ALICE_READS)}`;
  expect(json).toEqual({
    kind: 'KafkaAclList',
    metadata: { self: `${api.clusterUrl}/acls?principal=User%3Aalice`, next: null },
    data: [
      {
        kind: 'KafkaAcl',
        metadata: { self, resource_name: `crn:///kafka=${clusterId}/acl` },
        cluster_id: clusterId,
        ...ALICE_READS,
      },
    ],
  });
  expect((await list('?resource_type=TOPIC&resource_name=orders&pattern_type=MATCH')).json.data).toHaveLength(
    2,
  );
  expect((await list('?permission=ANY&host=')).json.data).toHaveLength(2);

  const deletion = 'resource_type=TOPIC&pattern_type=PREFIXED&operation=ANY&permission=ANY';
  const deleted = await api.call<Acls>(`DELETE /v3/-/acls?${deletion}`, { headers: ROOT });
  expect(deleted.status).toBe(200);
  expect(deleted.json.data).toMatchObject([ben]);
  expect((await list()).json.data).toMatchObject([ALICE_READS]);
});

test('an ACL is in effect at once, for whoever calls', async () => {
  await api.call('POST /v3/-/topics', { body: { topic_name: 'orders' } });
  expect((await api.call('GET /v3/-/topics/orders', { headers: as('ben') })).status).toBe(200);
  await create(ALICE_READS);
  const statuses = async () => {
    const answers = await Promise.all(
      [as('alice'), as('ben'), {}, ROOT].map((headers) => api.call('GET /v3/-/topics/orders', { headers })),
    );
    return answers.map(({ status }) => status);
  };
  expect(await statuses()).toEqual([200, 403, 403, 200]);
  const { json } = await api.call('GET /v3/-/topics/orders', { headers: as('ben') });
  expect(json).toEqual({
    error_code: 40301,
    message: "User:ben is not allowed DESCRIBE on topic 'orders'.",
    kafka_error_code: 29,
    retriable: false,
    field: 'topic_name',
  });
});

test('who may alter the cluster may change ACLs, and nobody else', async () => {
  await create({
    ...ALICE_READS,
    resource_type: 'CLUSTER',
    resource_name: 'kafka-cluster',
    operation: 'ALTER',
  });
  expect((await create(ALICE_READS, as('ben'))).json).toMatchObject({
    error_code: 40301,
    kafka_error_code: 31,
  });
  expect((await create(ALICE_READS, as('alice'))).status).toBe(201);
});

test.each([
  [{ ...ALICE_READS, resource_type: 'CLUSTER' }, 40002, 'resource_name'],
  [{ ...ALICE_READS, principal: 'alice' }, 40002, 'principal'],
  [{ ...ALICE_READS, resource_type: 'ANY' }, 400, 'resource_type'],
  [{ ...ALICE_READS, resource_name: '' }, 400, 'resource_name'],
  [{ ...ALICE_READS, pattern_type: 'MATCH' }, 400, 'pattern_type'],
  [{ ...ALICE_READS, operation: 'UNKNOWN' }, 400, 'operation'],
  [{ ...ALICE_READS, permission: 'ANY' }, 400, 'permission'],
  [{ ...ALICE_READS, host: undefined }, 400, 'host'],
  [{ ...ALICE_READS, more: 1 }, 400, 'more'],
])('%j is refused', async (body, code, field) => {
  const { status, json } = await create(body);
  expect([status, json.error_code, json.field]).toEqual([400, code, field]);
  expect((await list()).json.data).toEqual([]);
});

test.each([
  ['pattern_type=ANY&operation=ANY&permission=ANY', 'resource_type'],
  ['resource_type=ANY&operation=ANY&permission=ANY', 'pattern_type'],
  ['resource_type=ANY&pattern_type=ANY&permission=ANY', 'operation'],
  ['resource_type=ANY&pattern_type=ANY&operation=ANY', 'permission'],
  ['resource_type=UNKNOWN&pattern_type=ANY&operation=ANY&permission=ANY', 'resource_type'],
])('a deletion of ACLs by %s is refused, and deletes none', async (query, field) => {
  await create(ALICE_READS);
  const { status, json } = await api.call(`DELETE /v3/-/acls?${query}`, { headers: ROOT });
  expect([status, json.error_code, json.field]).toEqual([400, 400, field]);
  expect((await list()).json.data).toHaveLength(1);
});
