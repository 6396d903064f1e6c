import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import {
  type Access,
  FUNCTIONS,
  type FunctionSpec,
  HTTP_FUNCTIONS,
  LAG,
  MAINTENANCE,
  PLANNER,
} from '../../functions/manifest.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { createInProcessQueue } from '../../lib/queue/inProcess.ts';
import type { Queue } from '../../lib/queue/queue.ts';
import { sqsQueue } from '../../lib/queue/sqs.ts';
import { SPENT } from '../../lib/quota/quotaItem.ts';
import { createDispatch } from '../../lib/rest/dispatch.ts';
import type { Operation } from '../../lib/rest/operation.ts';
import { dynamoDbItems } from '../../lib/storage/aws/items.ts';
import { s3Objects } from '../../lib/storage/aws/objects.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import {
  type ItemStore,
  type ObjectStore,
  type PutOptions,
  type Storage,
  StorageError,
} from '../../lib/storage/ports.ts';
import { createWadi, type Wadi } from '../../lib/wadi.ts';
import { batch } from '../support/log.ts';
import { allowed, functionOf, getAtt, type Synthesis, synthesize, type Template } from './support.ts';

/**
 * Three things side by side: what each function does with stores and queue, seen by running it; which calls of AWS that takes, seen by
 * what the adapters send; and what its role allows. So neither may a right be missing, nor one be there that nobody uses.
 */

const ITEM_USES: Readonly<Record<keyof ItemStore, Access>> = {
  get: 'read',
  getMany: 'read',
  query: 'read',
  put: 'write',
  update: 'write',
  delete: 'delete',
};
const OBJECT_USES: Readonly<Record<keyof ObjectStore, Access>> = {
  get: 'read',
  list: 'read',
  put: 'write',
  delete: 'delete',
};
const QUEUE_USES = { send: 'send', waiting: 'measure' } as const satisfies Record<keyof Queue, string>;

interface Rights {
  readonly action: string;
  readonly resource?: string;
  readonly key?: readonly string[];
}

/** What a call takes in IAM: of its resource, and of the key through its service. */
const RIGHTS: Readonly<Record<string, Rights>> = {
  GetObjectCommand: { action: 's3:GetObject', key: ['kms:Decrypt'] },
  PutObjectCommand: { action: 's3:PutObject', key: ['kms:GenerateDataKey'] },
  'PutObjectCommand with Tagging': { action: 's3:PutObjectTagging' },
  DeleteObjectsCommand: { action: 's3:DeleteObject' },
  ListObjectsV2Command: { action: 's3:ListBucket', resource: 'bucket' },
  GetItemCommand: { action: 'dynamodb:GetItem', key: ['kms:Decrypt'] },
  BatchGetItemCommand: { action: 'dynamodb:BatchGetItem', key: ['kms:Decrypt'] },
  QueryCommand: { action: 'dynamodb:Query', key: ['kms:Decrypt'] },
  PutItemCommand: { action: 'dynamodb:PutItem', key: ['kms:Decrypt'] },
  UpdateItemCommand: { action: 'dynamodb:UpdateItem', key: ['kms:Decrypt'] },
  DeleteItemCommand: { action: 'dynamodb:DeleteItem', key: ['kms:Decrypt'] },
  SendMessageBatchCommand: { action: 'sqs:SendMessage', key: ['kms:GenerateDataKey', 'kms:Decrypt'] },
  GetQueueAttributesCommand: { action: 'sqs:GetQueueAttributes' },
};

/** `use` → the calls that the adapter sends for it. */
type Calls = Map<string, Set<string>>;

/** The first is the one that is looked at, from which the others are used as well. */
const REGIONS = ['us-east-1', 'us-east-2', 'us-west-2'] as const;

let calls: Record<'objects' | 'items' | 'queue', Calls>;
beforeAll(async () => {
  calls = await callsOfAdapters();
});

describe.each([
  ['a cluster of one region', [] as readonly string[]],
  ['a cluster of several regions', REGIONS],
])('in %s', (_, regions) => {
  let synthesis: Synthesis;
  let uses: Map<string, Set<string>>;
  beforeAll(async () => {
    const context = {
      alarmConsumerLag: 'billing:10000',
      ...(regions.length > 0 && { regions: regions.join() }),
    };
    synthesis = await synthesize({ bundle: false, context });
    uses = await usesOfFunctions(regions);
  }, 60_000);
  afterAll(() => synthesis.remove());

  test.each(FUNCTIONS)('$name does with stores and queue what the manifest says, and all of it', (spec) => {
    expect([...uses.get(spec.name)!].sort()).toEqual(declared(spec, regions).sort());
  });

  test.each(FUNCTIONS)('the role of $name allows the calls that this takes, and no other', (spec) => {
    const { logs, traces, ...rights } = allowed(synthesis.api, spec.name);
    expect(rights).toEqual(rightsFor(spec, regions));
    expect(logs).toEqual(['logs:CreateLogStream', 'logs:PutLogEvents']);
    expect(traces).toEqual(['xray:PutTelemetryRecords', 'xray:PutTraceSegments']);
  });

  /** A template in which the role of `fetch` may do more, in one of the ways that there are. */
  function mutated(change: (resources: Template['Resources'], role: string) => void): Template {
    const template = structuredClone(synthesis.api);
    change(template.Resources, getAtt(functionOf(template, 'fetch')[1].Properties.Role));
    return template;
  }
  const everything = { Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }] };
  const more = (resources: Template['Resources'], Type: string, Properties: object) =>
    Object.assign(resources, { More: { Type, Properties } });

  test('one more statement of a role would be seen', () => {
    const template = mutated((resources, role) =>
      more(resources, 'AWS::IAM::Policy', { PolicyDocument: everything, Roles: [{ Ref: role }] }),
    );
    expect(allowed(template, 'fetch')).not.toEqual(allowed(synthesis.api, 'fetch'));
    expect(allowed(template, 'fetch').traces).toContain('s3:*');
  });

  const properties = (resources: Template['Resources'], role: string) =>
    resources[role]!.Properties as object;
  test.each<[string, Parameters<typeof mutated>[0], string]>([
    [
      'inline in the role',
      (resources, role) =>
        Object.assign(properties(resources, role), {
          Policies: [{ PolicyName: 'More', PolicyDocument: everything }],
        }),
      'inline or managed',
    ],
    [
      'of a managed policy',
      (resources, role) =>
        Object.assign(properties(resources, role), {
          ManagedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess'],
        }),
      'inline or managed',
    ],
    [
      'of a managed policy of the template',
      (resources, role) =>
        more(resources, 'AWS::IAM::ManagedPolicy', { PolicyDocument: everything, Roles: [{ Ref: role }] }),
      'AWS::IAM::ManagedPolicy',
    ],
    [
      'of a policy resource of another type',
      (resources, role) =>
        more(resources, 'AWS::IAM::RolePolicy', { PolicyDocument: everything, RoleName: { Ref: role } }),
      'AWS::IAM::RolePolicy',
    ],
    [
      'of a policy that names its roles',
      (resources) =>
        more(resources, 'AWS::IAM::Policy', { PolicyDocument: everything, Roles: ['name-of-a-role'] }),
      'not told',
    ],
  ])('rights %s are refused, since they would not be seen', (_, change, message) => {
    expect(() => allowed(mutated(change), 'fetch')).toThrow(message);
  });
});

/** In a cluster of several regions, what is done with objects is done in every region. */
function declared(
  { stores: { objects, ...tables }, counts, replicates, queue = [] }: FunctionSpec,
  regions: readonly string[],
): string[] {
  const several = regions.length > 1;
  const ofObjects = [...objects, ...(several && replicates ? ['replicate'] : [])];
  return [
    ...(several ? regions : ['']).flatMap((region) =>
      ofObjects.map((each) => `${objectsOf(region)} ${each}`),
    ),
    ...Object.entries(tables).flatMap(([store, access]) => access.map((each) => `${store} ${each}`)),
    ...(counts ? ['log count'] : []),
    ...queue.map((use) => `queue ${use}`),
  ];
}

const objectsOf = (region: string): string => (region ? `objects@${region}` : 'objects');

function rightsFor(spec: FunctionSpec, regions: readonly string[]): Record<string, string[]> {
  const [own] = regions;
  const here = own ? ` in ${own}` : '';
  const found = new Map<string, Set<string>>();
  const add = (resource: string, action: string) =>
    found.set(resource, (found.get(resource) ?? new Set()).add(action));
  for (const [used, use] of declared(spec, regions).map((each) => each.split(' ') as [string, string])) {
    const [store, region = own] = used.split('@') as [string, string?];
    // A table is known by its name where there are several regions.
    const table = own ? ` of ${own}` : '';
    if (use === 'count') {
      add(`log${table} spent`, 'dynamodb:PutItem');
      continue;
    }
    const kind = store === 'objects' || store === 'queue' ? store : 'items';
    const service = { objects: 's3', items: 'dynamodb', queue: 'sqs' }[kind];
    const [place, key] =
      region === own
        ? [kind === 'items' ? table : '', `key through ${service}${here}`]
        : [` of ${region}`, `key of ${region} that is alias/wadi through ${service} in ${region}`];
    for (const call of calls[kind].get(use)!) {
      const { action, resource = store, key: ofKey = [] } = RIGHTS[call]!;
      add(resource + place, action);
      for (const each of ofKey) add(key, each);
    }
  }
  if (spec === MAINTENANCE) {
    // Lambda's own calls, in the worker's name.
    for (const action of ['ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes'])
      add('queue', `sqs:${action}`);
    add(`key through sqs${here}`, 'kms:Decrypt');
  }
  return Object.fromEntries([...found].map(([resource, actions]) => [resource, [...actions].sort()]));
}

/** Runs each method of the adapters against clients that only note what they are to send. */
async function callsOfAdapters() {
  let sent = new Set<string>();
  const noted = <T extends object>(client: T): T => {
    const send = (command: { readonly input: object }) => {
      sent.add(command.constructor.name);
      if ('Tagging' in command.input) sent.add(`${command.constructor.name} with Tagging`);
      return Promise.reject(new Error('noted'));
    };
    return Object.assign(client, { send });
  };
  const adapter = async <T extends object>(
    store: T,
    usesOf: Readonly<Record<string, string>>,
    given: Readonly<Record<string, readonly unknown[]>>,
  ): Promise<Calls> => {
    const found: Calls = new Map();
    for (const [method, use] of Object.entries(usesOf)) {
      sent = new Set();
      const run = store[method as keyof T] as (...args: readonly unknown[]) => Promise<unknown>;
      await expect(run(...(given[method] ?? []))).rejects.toThrow('noted');
      expect([...sent].filter((call) => !call.endsWith('Tagging'))).toHaveLength(1);
      found.set(use, new Set([...(found.get(use) ?? []), ...sent]));
    }
    return found;
  };
  const region = 'us-east-1';
  const key = { pk: 'a', sk: 'b' };
  const sqs = SQSClient.prototype.send;
  noted(SQSClient.prototype);
  try {
    const objects = s3Objects(noted(new S3Client({ region })), 'bucket');
    const replicated = await adapter(
      objects,
      { put: 'replicate' },
      { put: ['key', [new Uint8Array(1)], { replicate: true }] },
    );
    const untagged = await adapter(objects, OBJECT_USES, {
      get: ['key'],
      list: ['prefix', { limit: 1 }],
      put: ['key', [new Uint8Array(1)]],
      delete: [['key']],
    });
    return {
      objects: new Map([...untagged, ...replicated]),
      items: await adapter(dynamoDbItems(noted(new DynamoDBClient({ region })), 'table'), ITEM_USES, {
        get: [key],
        getMany: [[key]],
        query: [{ pk: 'a', limit: 1 }],
        put: [key],
        update: [key, [{ set: ['a'], to: 1 }]],
        delete: [key],
      }),
      queue: await adapter(sqsQueue({ queueUrl: 'https://sqs.example', region }), QUEUE_USES, {
        send: [['message']],
      }),
    };
  } finally {
    SQSClient.prototype.send = sqs;
  }
}

/**
 * What each function does to stores and queue in the life of a cluster, in which each has to do all that it can: in a cluster of several
 * regions, it finds in the last of them only what it reads, and the last alone takes what it puts into one.
 */
async function usesOfFunctions(regions: readonly string[]): Promise<Map<string, Set<string>>> {
  const found = new Map(FUNCTIONS.map(({ name }) => [name, new Set<string>()]));
  const storage = memoryStorage();
  const buckets = regions.map((_, i) => {
    const { objects } = memoryStorage();
    return i === regions.length - 1 ? objects : empty(objects);
  });
  const messages = createInProcessQueue();
  let aheadMs = 0;
  const clock: Clock = { ...systemClock, now: () => Date.now() + aheadMs };

  /** A Wadi of the function's own, which notes what it uses. */
  const openFor = async ({ name, counts }: FunctionSpec): Promise<Wadi> => {
    const seen = found.get(name)!;
    const note = <T extends object>(store: string, port: T, usesOf: Readonly<Record<string, string>>): T =>
      new Proxy(port, {
        get(target, method: string) {
          const work = target[method as keyof T];
          if (!usesOf[method]) return work;
          return (...args: readonly unknown[]) => {
            const [item] = args as readonly ({ pk?: string } | undefined)[];
            const isCount = method === 'put' && item?.pk?.startsWith(SPENT);
            const { replicate } = (args[2] ?? {}) as PutOptions;
            seen.add(`${store} ${isCount && counts ? 'count' : usesOf[method]}`);
            if (replicate) seen.add(`${store} replicate`);
            return (work as (...args: readonly unknown[]) => unknown).apply(target, [...args]);
          };
        },
      });
    const noted: Storage = {
      objects: note('objects', storage.objects, OBJECT_USES),
      log: note('log', storage.log, ITEM_USES),
      metadata: note('metadata', storage.metadata, ITEM_USES),
      groups: note('groups', storage.groups, ITEM_USES),
      close: async () => undefined,
    };
    const all = regions.map((region, i) => ({
      ...{ id: i + 1, name: region },
      objects: note(objectsOf(region), buckets[i]!, OBJECT_USES),
    }));
    return createWadi({
      storage: noted,
      clock,
      clusterId: 'one',
      queue: note('queue', messages, QUEUE_USES),
      ...(regions.length > 0 && { regions: { local: regions[0]!, all } }),
    });
  };

  const dispatches = new Map<string, (route: string, body?: unknown, type?: string) => Promise<unknown>>();
  for (const spec of HTTP_FUNCTIONS) {
    const { operations }: { operations: readonly Operation[] } = await import(
      `../../functions/${spec.entry}`
    );
    const wadi = await openFor(spec);
    const dispatch = createDispatch(operations);
    dispatches.set(spec.name, async (call, body, type = 'application/json') => {
      const [method, target] = call.split(' ') as [string, string];
      const { pathname, searchParams } = new URL(target, 'http://wadi.example');
      const route = spec.routes.find((each) => matches(each, method, pathname))!;
      const bytes =
        body instanceof Uint8Array ? body : Buffer.from(body === undefined ? '' : JSON.stringify(body));
      const answer = await dispatch(wadi, route, {
        ...{ method, path: pathname, query: searchParams, body: bytes, baseUrl: 'http://wadi.example' },
        params: paramsOf(route, pathname),
        headers: body === undefined ? {} : { 'content-type': type },
        caller: { principal: 'User:ANONYMOUS', host: '192.0.2.1' },
      });
      await wadi.log.settled();
      if (answer.status >= 300) throw new Error(`${call} answered ${answer.status} ${answer.body}`);
      return answer;
    });
  }
  const call = (name: string, route: string, body?: unknown, type?: string) =>
    dispatches.get(name)!(route, body, type);

  const { createHandler: createPlanner } = await import(`../../functions/${PLANNER.entry}`);
  const plan = createPlanner(await openFor(PLANNER));
  const { createHandler: createWorker } = await import(`../../functions/${MAINTENANCE.entry}`);
  const work = createWorker(await openFor(MAINTENANCE));
  const maintain = async (afterMs: number) => {
    aheadMs += afterMs;
    await plan({}, {});
    for (let handled = 0; handled < MAX_MESSAGES; handled++) {
      const body = messages.take();
      if (body === undefined) return;
      await work({ Records: [{ messageId: body, body }] }, {});
    }
    throw new Error('maintenance does not end');
  };

  const cluster = '/v3/clusters/one';
  const topic = `${cluster}/topics/orders`;
  const v2 = 'application/vnd.kafka.v2+json';
  const [me, group] = ['/consumers/billing/instances/me', `${cluster}/consumer-groups/billing`];
  await call('cluster', `GET ${cluster}/broker-configs`);
  await call('acls', `POST ${cluster}/acls`, {
    ...{ resource_type: 'TOPIC', resource_name: 'orders', pattern_type: 'LITERAL' },
    ...{ principal: 'User:ANONYMOUS', host: '*', operation: 'ALL', permission: 'ALLOW' },
  });
  const rates = { producer_byte_rate: 1e9, consumer_byte_rate: 1e9 };
  await call('acls', `POST ${cluster}/quotas:alter`, { data: [{ principal: 'User:*', ...rates }] });
  await call('topics', `POST ${cluster}/topics`, { topic_name: 'orders', partitions_count: 2 });
  await call('topics', `POST ${cluster}/topics`, { topic_name: 'users' });
  const raw = batch(['x'.repeat(20_000)], { timestamp: clock.now() }).bytes;
  for (let i = 0; i < APPENDS; i++) {
    await call(
      'produce',
      `POST ${topic}/partitions/${i % 2}/records`,
      raw,
      'application/vnd.wadi.recordbatch',
    );
  }
  const one = `POST ${topic}/partitions/0/records?acks=1`;
  await call('produce', one, raw, 'application/vnd.wadi.recordbatch');
  await call('fetch', `GET ${topic}/partitions/0/records?offset=0`);
  await call('topics', `GET ${topic}/partitions/0/offset?offset_type=max_timestamp`);
  await call('topics', `DELETE ${topic}/partitions/0/records?before_offset=1`);

  await call('consumers', 'POST /consumers/billing', { name: 'me', 'auto.offset.reset': 'earliest' }, v2);
  await call('consumers', `POST ${me}/subscription`, { topics: ['orders'] }, v2);
  await call('consumers', `GET ${me}/records?timeout=0`);
  await call(
    'consumers',
    `POST ${me}/offsets`,
    { offsets: [{ topic: 'orders', partition: 0, offset: 1 }] },
    v2,
  );
  await call('consumers', `DELETE ${me}`);
  // One that crashes.
  await call('consumers', 'POST /consumers/audit', { name: 'me' }, v2);
  await call('consumers', 'POST /consumers/audit/instances/me/subscription', { topics: ['orders'] }, v2);
  await call('groups', `GET ${group}/lags`);
  const { createHandler: createLag } = await import(`../../functions/${LAG.entry}`);
  const lags = await createLag(await openFor(LAG), { groups: ['billing'], report: () => undefined })();
  expect(lags).toHaveLength(1);
  const to = { to: { timestamp: '2020-01-01T00:00:00Z' }, topics: [{ topic_name: 'orders' }] };
  await call('groups', `POST ${group}/positions:reset`, to);
  await call('groups', `DELETE ${group}/positions?topic_name=orders`);

  await call('maintenanceApi', `POST ${cluster}/maintenance/run`, { topic_name: 'orders' });
  await call('maintenanceApi', `GET ${cluster}/maintenance`);
  await maintain(0);
  await call('topics', `DELETE ${cluster}/topics/users`);
  // A creation that broke off.
  const broken = await createWadi({
    storage: { ...storage, metadata: deaf(storage.metadata) },
    clock,
    clusterId: 'one',
  });
  await broken.topics.create({ name: 'broken' }).catch(() => undefined);
  for (let day = 0; day < DAYS; day++) await maintain(DAY_MS);
  return found;
}

const APPENDS = 24;
const DAYS = 10;
const DAY_MS = 24 * 3600 * 1000;
const MAX_MESSAGES = 1_000;

/** Takes what goes to all, and lacks it when it is asked for. */
function empty(objects: ObjectStore): ObjectStore {
  return {
    ...objects,
    get: async () => undefined,
    put: async (key, chunks, { replicate = false } = {}) => {
      if (replicate) throw new StorageError('not here', 'no');
      await objects.put(key, chunks);
    },
  };
}

/** Reads, but takes nothing. */
function deaf(items: ItemStore): ItemStore {
  return { ...items, put: () => Promise.reject(new Error('deaf')) };
}

function matches(route: string, method: string, path: string): boolean {
  const pattern = route.replace(/\{\w+\}/g, '[^/]+').replace('$', '\\$');
  return new RegExp(`^${pattern}$`).test(`${method} ${path}`);
}

function paramsOf(route: string, path: string): Record<string, string> {
  const names = route.split(' ')[1]!.split('/');
  const values = path.split('/');
  return Object.fromEntries(
    names.flatMap((name, i) => (name.startsWith('{') ? [[name.slice(1, -1), values[i]!]] : [])),
  );
}
