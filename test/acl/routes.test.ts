import { allOperations } from '../../functions/cluster.ts';
import type { AclBinding, AclOperation, ResourceType } from '../../lib/acl/binding.ts';
import type { AuthorizerOptions } from '../../lib/acl/decide.ts';
import { createDispatch, routeKey } from '../../lib/rest/dispatch.ts';
import type { HttpResponse, Operation } from '../../lib/rest/operation.ts';
import { RIGHTS } from '../../lib/rest/rights.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { createRegistry } from '../../lib/streams/registry/registry.ts';
import { createWadi, type Wadi } from '../../lib/wadi.ts';
import { append, batch } from '../support/log.ts';
import { counting, runApplication } from '../support/streams.ts';

const dispatch = createDispatch(allOperations);
const CLUSTER_ID = 'one';
/** What there is, and what there is not. */
const THERE = { topic: 'orders', group: 'billing' };
const NOT_THERE = { topic: 'missing', group: 'nobody' };

/** What is not everyone's needs an ACL. */
const guarded = (...acls: AclBinding[]): Promise<Wadi> =>
  wadiWith({ superUsers: new Set(['User:root']), allowEveryoneIfNoAclFound: false }, ...acls);

async function wadiWith(authorizer: AuthorizerOptions, ...acls: AclBinding[]): Promise<Wadi> {
  const wadi = await createWadi({ storage: memoryStorage(), clusterId: CLUSTER_ID, authorizer });
  await wadi.topics.create({ name: THERE.topic, partitions: 1 });
  await wadi.topics.create({ name: 'secret', partitions: 1 });
  const caller = { principal: 'User:root', host: '192.0.2.1' };
  const member = await wadi.groups.create(THERE.group, { autoOffsetReset: 'earliest' }, 'me', caller);
  await wadi.groups.assign(member, [{ topic: THERE.topic, partition: 0 }]);
  await wadi.groups.commit(member, [{ topic: THERE.topic, partition: 0, offset: 0 }]);
  await wadi.groups.create('hidden', {}, 'me', caller);
  for (const id of [THERE.group, 'hidden']) await runApplication(wadi, counting(id, THERE.topic));
  await wadi.acls.create(acls);
  return wadi;
}

const acl = (
  operation: AclOperation,
  resourceType: ResourceType,
  resourceName: string,
  more: Partial<AclBinding> = {},
): AclBinding => ({
  ...{ operation, resourceType, resourceName },
  ...{ patternType: 'LITERAL', principal: 'User:alice', host: '*', permission: 'ALLOW' },
  ...more,
});

interface Call {
  names?: typeof THERE;
  principal?: string;
  query?: string;
  body?: unknown;
}

function call(
  wadi: Wadi,
  id: string,
  { names = THERE, principal = 'User:alice', query = '', body }: Call = {},
): Promise<HttpResponse> {
  const operation = allOperations.find((each) => each.id === id)!;
  const params = {
    ...{ cluster_id: CLUSTER_ID, topic_name: names.topic, consumer_group_id: names.group },
    ...{ application_id: names.group, task_id: '0_0', store_name: 'counts', key: 'one' },
    ...{ group_name: names.group, instance: 'me', partition_id: '0', broker_id: '1', name: 'retention.ms' },
    ...{ consumer_id: 'me', run_id: 'none', region_name: 'a' },
  };
  const used = Object.entries(params).filter(([name]) => operation.path.includes(`{${name}}`));
  return dispatch(wadi, routeKey(operation), {
    method: operation.method,
    path: operation.path,
    params: Object.fromEntries(used),
    query: new URLSearchParams(query),
    headers: {},
    body: body === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(body)),
    baseUrl: 'http://127.0.0.1',
    caller: { principal, host: '192.0.2.1' },
  });
}

const jsonOf = <T = Record<string, unknown>>({ body }: HttpResponse): T => JSON.parse(String(body));

/** The operations that need rights on what their path names, with these. */
const NEEDING = allOperations.flatMap(({ id }) => {
  const rights = RIGHTS[id]!;
  return typeof rights === 'string' ? [] : [{ id, rights }];
});

const aclsFor = (rights: readonly string[], more: Partial<AclBinding> = {}) =>
  rights.map((right) => {
    const [operation, type] = right.split(' ') as [AclOperation, ResourceType];
    const name = type === 'TOPIC' ? THERE.topic : type === 'GROUP' ? THERE.group : 'kafka-cluster';
    return acl(operation, type, name, more);
  });

test('every operation says what it needs, and nothing else is said', () => {
  expect(Object.keys(RIGHTS).sort()).toEqual([...new Set(allOperations.map(({ id }) => id))].sort());
});

describe.each(NEEDING)('$id', ({ id, rights }) => {
  test('without rights learns nothing of what is there, and changes nothing', async () => {
    const wadi = await guarded();
    const [there, notThere] = await Promise.all([call(wadi, id), call(wadi, id, { names: NOT_THERE })]);
    const told = (response: HttpResponse, { topic, group }: typeof THERE) =>
      JSON.stringify(jsonOf(response)).replaceAll(topic, 'TOPIC').replaceAll(group, 'GROUP');
    expect([there.status, jsonOf(there).error_code]).toEqual([403, 40301]);
    expect(told(there, THERE)).toBe(told(notThere, NOT_THERE));
  });

  test(`is allowed by ${rights.join(' and ')}`, async () => {
    // These look into what the instance holds, or into a store; the last takes topics along.
    const topics = [THERE.topic, `${THERE.group}-counts-changelog`];
    const held = ['poll', 'commit', 'getStreamsStoreKey', 'listStreamsStoreRecords'].includes(id)
      ? topics.map((topic) => acl('READ', 'TOPIC', topic))
      : [];
    if (id === 'deleteStreamsApplication')
      held.push(acl('DELETE', 'TOPIC', `${THERE.group}-`, { patternType: 'PREFIXED' }));
    expect((await call(await guarded(...aclsFor(rights), ...held), id)).status).not.toBe(403);
  });

  test('is denied by an ACL, whatever others allow', async () => {
    for (const denied of rights) {
      const all = aclsFor(rights).map((each) => ({ ...each, operation: 'ALL' }) as const);
      const wadi = await guarded(...all, ...aclsFor([denied], { permission: 'DENY', principal: 'User:*' }));
      expect((await call(wadi, id)).status).toBe(403);
    }
  });

  test.each(rights)('is refused without %s', async (missing) => {
    const others = aclsFor(rights.filter((right) => right !== missing));
    expect((await call(await guarded(...others), id)).status).toBe(403);
  });

  test('is a super user’s without any ACL', async () => {
    expect((await call(await guarded(), id, { principal: 'User:root' })).status).not.toBe(403);
  });
});

describe('where what no ACL is about is everyone’s', () => {
  const open = (...superUsers: string[]) =>
    wadiWith({ superUsers: new Set(superUsers), allowEveryoneIfNoAclFound: true });
  const ofCluster = NEEDING.filter(({ rights }) => rights.some((right) => right.endsWith(' CLUSTER')));

  test('ACLs and quotas are among what is asked of the cluster', () => {
    expect(ofCluster.map(({ id }) => id)).toEqual(
      expect.arrayContaining([
        ...['getKafkaAcls', 'createKafkaAcls', 'batchCreateKafkaAcls', 'deleteKafkaAcls'],
        ...['listQuotas', 'alterQuotas'],
      ]),
    );
  });

  test.each(ofCluster)('$id is not, if there are super users', async ({ id, rights }) => {
    const wadi = await open('User:root');
    expect((await call(wadi, id)).status).toBe(403);
    await wadi.acls.create(aclsFor(rights));
    expect((await call(wadi, id)).status).not.toBe(403);
  });

  test.each(ofCluster)('$id is, if there are none: nobody could begin otherwise', async ({ id }) => {
    expect((await call(await open(), id)).status).not.toBe(403);
  });

  test.each(NEEDING.filter((each) => !ofCluster.includes(each)))('$id is', async ({ id }) => {
    expect((await call(await open('User:root'), id)).status).not.toBe(403);
  });
});

const OPEN = allOperations.filter(({ id }: Operation) => RIGHTS[id] === 'nothing');

test.each(OPEN)('$id is open, and tells no name', async ({ id }) => {
  const response = await call(await guarded(), id);
  expect(response.status).not.toBe(403);
  expect(String(response.body)).not.toMatch(/orders|secret|billing|hidden/);
});

describe('lists tell what the caller may see, and no more', () => {
  const seen = [
    acl('READ', 'TOPIC', 'ord', { patternType: 'PREFIXED' }),
    acl('DESCRIBE', 'GROUP', THERE.group),
  ];
  const configs = acl('DESCRIBE_CONFIGS', 'TOPIC', THERE.topic);

  test.each(['listKafkaTopics', 'listTopics', 'listKafkaAllTopicConfigs', 'listKafkaReplicasOfBroker'])(
    '%s: topics',
    async (id) => {
      const some = String((await call(await guarded(...seen, configs), id)).body);
      expect(some).toContain('orders');
      expect(some).not.toContain('secret');
      const none = String((await call(await guarded(), id)).body);
      expect(none).not.toMatch(/orders|secret/);
    },
  );

  test('listKafkaConsumerGroups: groups, also where it goes on', async () => {
    const wadi = await guarded(...seen);
    const { data } = jsonOf<{ data: { consumer_group_id: string }[] }>(
      await call(wadi, 'listKafkaConsumerGroups'),
    );
    expect(data.map((group) => group.consumer_group_id)).toEqual(['billing']);
    const page = await call(wadi, 'listKafkaConsumerGroups', { query: 'page_size=1' });
    expect(String(page.body)).not.toContain('hidden');
    const next = await call(wadi, 'listKafkaConsumerGroups', { query: 'page_size=1&page_token=billing' });
    expect(jsonOf(next)).toMatchObject({ data: [], metadata: { next: null } });
  });

  test('listStreamsApplications: those whose group the caller may see, also where it goes on', async () => {
    const wadi = await guarded(...seen);
    const { data } = jsonOf<{ data: { application_id: string }[] }>(
      await call(wadi, 'listStreamsApplications'),
    );
    expect(data.map(({ application_id }) => application_id)).toEqual(['billing']);
    const page = await call(wadi, 'listStreamsApplications', { query: 'page_size=1' });
    expect(String(page.body)).not.toContain('hidden');
  });

  test('lags of an application: of topics that the caller may see', async () => {
    const wadi = await guarded(...seen);
    const { data } = jsonOf<{ data: { topic_name: string }[] }>(await call(wadi, 'listStreamsLags'));
    expect(data.map(({ topic_name }) => topic_name)).toEqual(['orders']);
  });

  test('tasks and stores of an application: positions and partitions of topics that the caller may see', async () => {
    const wadi = await guarded(...seen);
    const orders = await wadi.topics.describe('orders');
    await append(wadi.log, orders, 0, batch(['one']));
    await runApplication(wadi, counting(THERE.group, THERE.topic));
    const told = async (principal: string) => {
      const tasks = await call(wadi, 'listStreamsTasks', { principal });
      const { data } = jsonOf<{ data: { positions: { topic_name: string }[] }[] }>(tasks);
      const store = jsonOf(await call(wadi, 'getStreamsStore', { principal }));
      const stores = jsonOf<{ data: unknown[] }>(await call(wadi, 'listStreamsStores', { principal }));
      expect(stores.data).toEqual([{ ...store, metadata: expect.anything() }]);
      return [
        ...data.map(({ positions }) => positions.map(({ topic_name }) => topic_name)),
        store.partitions_count,
      ];
    };
    expect(await told('User:root')).toEqual([['orders'], ['billing-counts-repartition'], 1]);
    expect(await told('User:alice')).toEqual([['orders'], [], null]);
    await wadi.acls.create([acl('DESCRIBE', 'TOPIC', 'orders', { permission: 'DENY' })]);
    const task = await call(wadi, 'getStreamsTask');
    expect(jsonOf(task)).toMatchObject({ task_id: '0_0', positions: [] });
  });

  test('lags and positions of a group: of topics that the caller may see', async () => {
    const wadi = await guarded(acl('ALL', 'GROUP', THERE.group));
    expect(jsonOf(await call(wadi, 'listKafkaConsumerLags'))).toMatchObject({ data: [] });
    expect((await call(wadi, 'getKafkaConsumerGroupLagSummary')).status).toBe(404);
    const reset = await call(wadi, 'resetConsumerGroupPositions', { body: { to: 'latest', dry_run: true } });
    expect(jsonOf(reset)).toMatchObject({ data: [] });
    expect(jsonOf(await call(wadi, 'committed'))).toEqual({ offsets: [] });
    expect(jsonOf(await call(wadi, 'listAssignments'))).toEqual({ partitions: [] });
  });
});

describe.each(['createKafkaTopic', 'createTopic'])('%s', (id) => {
  const body = { topic_name: 'new', partitions_count: 1 };

  test.each([
    ['CREATE of the cluster', acl('CREATE', 'CLUSTER', 'kafka-cluster')],
    ['CREATE of the topic', acl('CREATE', 'TOPIC', 'new')],
    ['CREATE of a prefix', acl('CREATE', 'TOPIC', 'n', { patternType: 'PREFIXED' })],
  ])('is allowed by %s', async (_, allowing) => {
    expect((await call(await guarded(allowing), id, { body })).status).toBe(201);
  });

  test('without them tells not whether the name is taken', async () => {
    const wadi = await guarded(acl('ALL', 'TOPIC', 'other'));
    const answers = await Promise.all(
      ['new', 'orders'].map((topic_name) => call(wadi, id, { body: { ...body, topic_name } })),
    );
    expect(answers.map(({ status }) => status)).toEqual([403, 403]);
    expect((await wadi.topics.list()).map(({ name }) => name)).not.toContain('new');
  });
});

describe('what a body names needs its own right', () => {
  const partitions = (topic: string) => [{ topic, partition: 0 }];
  const offsets = (topic: string) => [{ topic, partition: 0, offset: 0 }];

  test.each<[string, (topic: string) => Call, string]>([
    ['subscribe', (topic) => ({ body: { topics: [topic] } }), 'topics[0]'],
    ['assign', (topic) => ({ body: { partitions: partitions(topic) } }), 'partitions[0].topic'],
    ['seek', (topic) => ({ body: { offsets: offsets(topic) } }), 'offsets[0].topic'],
    ['seekToBeginning', (topic) => ({ body: { partitions: partitions(topic) } }), 'partitions[0].topic'],
    ['seekToEnd', (topic) => ({ body: { partitions: partitions(topic) } }), 'partitions[0].topic'],
    ['commit', (topic) => ({ body: { offsets: offsets(topic) } }), 'offsets[0].topic'],
    ['committed', (topic) => ({ query: `topic=${topic}&partition=0` }), 'topic'],
    ['runMaintenance', (topic) => ({ body: { topic_name: topic } }), 'topic_name'],
    [
      'resetConsumerGroupPositions',
      (topic) => ({ body: { to: 'latest', topics: [{ topic_name: topic }] } }),
      'topics[0].topic_name',
    ],
    ['deleteConsumerGroupPositions', (topic) => ({ query: `topic_name=${topic}` }), 'topic_name'],
  ])('%s', async (id, of, field) => {
    const cluster = acl('ALTER', 'CLUSTER', 'kafka-cluster');
    const wadi = await guarded(acl('ALL', 'GROUP', THERE.group), acl('READ', 'TOPIC', THERE.topic), cluster);
    for (const topic of ['secret', 'missing']) {
      const answer = await call(wadi, id, of(topic));
      expect([answer.status, jsonOf(answer).field]).toEqual([403, field]);
    }
    expect((await call(wadi, id, of(THERE.topic))).status).not.toBe(403);
  });
});

describe('the topics of an application need their own rights', () => {
  const own = ['billing-counts-repartition', 'billing-counts-changelog'];
  const deleting = own.map((topic) => acl('DELETE', 'TOPIC', topic));

  test.each([
    ['resetStreamsApplication', [acl('READ', 'GROUP', THERE.group), acl('READ', 'TOPIC', THERE.topic)], 200],
    ['deleteStreamsApplication', [acl('DELETE', 'GROUP', THERE.group)], 204],
  ])('%s', async (id, others, status) => {
    const all = [...others, ...deleting];
    const body = { dry_run: false };
    for (const missing of all) {
      const wadi = await guarded(...all.filter((each) => each !== missing));
      expect([missing, (await call(wadi, id, { body })).status]).toEqual([missing, 403]);
      const registry = createRegistry(wadi.storage.groups, wadi.clock);
      expect(await registry.find(THERE.group)).toMatchObject({ isResetting: false });
    }
    expect((await call(await guarded(...all), id, { body })).status).toBe(status);
  });
});

test('who may not read what an instance has polled does not commit it', async () => {
  const wadi = await guarded(acl('READ', 'GROUP', THERE.group));
  const refused = await call(wadi, 'commit');
  expect([refused.status, jsonOf(refused).field]).toEqual([403, 'group_name']);
  expect(String(refused.body)).not.toContain(THERE.topic);
  await wadi.acls.create([acl('READ', 'TOPIC', THERE.topic)]);
  expect((await call(wadi, 'commit')).status).toBe(204);
});

test('maintenance tells nothing of topics that the caller may not describe', async () => {
  const cluster = (['DESCRIBE', 'ALTER'] as const).map((each) => acl(each, 'CLUSTER', 'kafka-cluster'));
  const wadi = await guarded(...cluster, acl('DESCRIBE', 'TOPIC', 'orders'));
  const run = await call(wadi, 'runMaintenance');
  expect(run.status).toBe(202);
  for (const answer of [run, await call(wadi, 'getMaintenance')]) {
    expect(String(answer.body)).toContain('orders');
    expect(String(answer.body)).not.toContain('secret');
  }
});

describe('a poll', () => {
  const ofGroup = acl('READ', 'GROUP', THERE.group);

  test('gives records of no topic that its caller may not read', async () => {
    const wadi = await guarded(ofGroup);
    const answer = await call(wadi, 'poll', { query: 'timeout=1' });
    expect([answer.status, jsonOf(answer).kafka_error_code]).toEqual([403, 29]);
    await wadi.acls.create([acl('READ', 'TOPIC', THERE.topic)]);
    expect((await call(wadi, 'poll', { query: 'timeout=1' })).status).toBe(200);
  });

  test('of a pattern gives those that the caller may read, and does not tell of others', async () => {
    const wadi = await guarded(ofGroup, acl('READ', 'TOPIC', THERE.topic));
    const caller = { principal: 'User:alice', host: '192.0.2.1' };
    await wadi.groups.leave({ groupId: THERE.group, name: 'me' });
    const member = await wadi.groups.create(THERE.group, {}, 'me', caller);
    await wadi.groups.subscribe(member, { pattern: '.*' });
    const held = async () => {
      await call(wadi, 'poll', { query: 'timeout=1' });
      const { assigned } = await wadi.groups.describeMember(member);
      return assigned.map(({ topic }) => topic);
    };
    expect(await held()).toEqual(['orders']);
    const told = String((await call(wadi, 'listSubscriptions')).body);
    expect(told).not.toContain('secret');
  });

  test('that is repeated when a topic may not be read any more leaves its records to whoever may', async () => {
    const wadi = await guarded(acl('ALL', 'GROUP', 'g'), acl('READ', 'TOPIC', '*'));
    for (const name of ['orders', 'secret']) {
      const topic = await wadi.topics.describe(name);
      await wadi.log.append(topic, [{ partition: 0, batches: [batch(['one', 'two'])] }]);
    }
    const caller = { principal: 'User:alice', host: '192.0.2.1' };
    const config = { autoOffsetReset: 'earliest', autoCommitIntervalMs: 0 } as const;
    const member = await wadi.groups.create('g', config, 'me', caller);
    await wadi.groups.subscribe(member, { pattern: '.*' });
    const asked = async (key: string) => {
      const given: string[] = [];
      const access = await wadi.acls.accessOf(caller);
      await wadi.groups.poll(member, {
        ...{ idempotencyKey: key, maxWaitMs: 0, access },
        page: () => ({
          add({ name }, _, { nextOffset }, from, to = nextOffset) {
            given.push(name);
            return { records: to - from, nextOffset: to, full: false };
          },
        }),
      });
      return given.sort();
    };
    expect(await asked('k/1')).toEqual(['orders', 'secret']);
    await wadi.acls.create([acl('READ', 'TOPIC', 'secret', { permission: 'DENY' })]);
    expect(await asked('k/1')).toEqual(['orders']);
    expect(await asked('k/2')).toEqual([]);
    await wadi.groups.leave(member, 'k/3');
    const partitions = ['orders', 'secret'].map((topic) => ({ topic, partition: 0 }));
    const committed = await wadi.groups.committed('g', partitions);
    expect(committed.map((each) => each?.offset)).toEqual([2, 0]);
  });
});
