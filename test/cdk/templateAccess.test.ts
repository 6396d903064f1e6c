import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { homesOf, type Tables } from '../../functions/lambda/home.ts';
import {
  type Access,
  FAILOVER,
  FUNCTIONS,
  type FunctionSpec,
  HTTP_FUNCTIONS,
  LAG,
  MAINTENANCE,
  PLANNER,
  STREAMS,
  WAKER,
} from '../../functions/manifest.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { homeItem } from '../../lib/failover/home.ts';
import { FAILOVER_LIMITS } from '../../lib/failover/limits.ts';
import { globalTables } from '../../lib/local/globalTables.ts';
import { createInProcessQueue } from '../../lib/queue/inProcess.ts';
import type { Queue } from '../../lib/queue/queue.ts';
import { sqsQueue } from '../../lib/queue/sqs.ts';
import { SPENT } from '../../lib/quota/quotaItem.ts';
import { createDispatch } from '../../lib/rest/dispatch.ts';
import type { Operation } from '../../lib/rest/operation.ts';
import { s3Objects } from '../../lib/storage/aws/objects.ts';
import { scannableItems } from '../../lib/storage/aws/scan.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import {
  type Item,
  type ItemStore,
  type ItemTables,
  type ObjectStore,
  type PutOptions,
  type ScannableItems,
  StorageError,
  TABLES,
} from '../../lib/storage/ports.ts';
import wordCount from '../../lib/streams/examples/wordCount.ts';
import { STREAMS_LIMITS } from '../../lib/streams/runtime/limits.ts';
import { createWadi, type Wadi } from '../../lib/wadi.ts';
import { batch } from '../support/log.ts';
import { counting, runApplication } from '../support/streams.ts';
import { allowed, functionOf, getAtt, type Synthesis, synthesize, type Template } from './support.ts';

/**
 * Three things side by side: what each function does with stores and queue, seen by running it; which calls of AWS that takes, seen by
 * what the adapters send; and what its role allows. So neither may a right be missing, nor one be there that nobody uses.
 */

const ITEM_USES: Readonly<Record<keyof ScannableItems, Access>> = {
  get: 'read',
  getMany: 'read',
  query: 'read',
  put: 'write',
  update: 'write',
  delete: 'delete',
  scan: 'scan',
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
  ScanCommand: { action: 'dynamodb:Scan', key: ['kms:Decrypt'] },
  DeleteItemCommand: { action: 'dynamodb:DeleteItem', key: ['kms:Decrypt'] },
  SendMessageBatchCommand: { action: 'sqs:SendMessage', key: ['kms:GenerateDataKey', 'kms:Decrypt'] },
  GetQueueAttributesCommand: { action: 'sqs:GetQueueAttributes' },
};

/** `use` → the calls that the adapter sends for it. */
type Calls = Map<string, Set<string>>;

interface Place {
  /** The first is the one that is looked at, from which the others are used as well. */
  readonly regions: readonly string[];
  /** Of eventual consistency: where there is a copy of the tables, and nothing else. */
  readonly witness?: string;
}

const ONE: Place = { regions: [] };
const STRONG: Place = { regions: ['us-east-1', 'us-east-2', 'us-west-2'] };
const EVENTUAL: Place = { regions: ['us-east-1', 'eu-west-1'], witness: 'sa-east-1' };

const WORD_COUNT: FunctionSpec = { ...STREAMS, name: 'streams-wordCount' };

const functionsOf = ({ witness }: Place): readonly FunctionSpec[] => [
  ...FUNCTIONS,
  ...[WORD_COUNT, WAKER],
  ...(witness ? [FAILOVER] : []),
];

let calls: Record<'objects' | 'items' | 'queue', Calls>;
beforeAll(async () => {
  calls = await callsOfAdapters();
});

describe.each([
  ['a cluster of one region', ONE],
  ['a cluster of several regions', STRONG],
  ['a cluster of eventual consistency', EVENTUAL],
])('in %s', (_, place) => {
  let synthesis: Synthesis;
  let uses: Map<string, Set<string>>;
  beforeAll(async () => {
    const { regions, witness } = place;
    const context = {
      alarmConsumerLag: 'billing:10000',
      streams: 'lib/streams/examples/wordCount.ts',
      ...(regions.length > 0 && { regions: regions.join() }),
      ...(witness && { witnessRegion: witness, consistency: 'eventual' }),
    };
    synthesis = await synthesize({ bundle: false, context });
    uses = await usesOfFunctions(place);
  });
  afterAll(() => synthesis?.remove());

  test.each(functionsOf(place))(
    '$name does with stores and queue what the manifest says, and all of it',
    (spec) => {
      expect([...uses.get(spec.name)!].sort()).toEqual(declared(spec, place).sort());
    },
  );

  test.each(functionsOf(place))(
    'the role of $name allows the calls that this takes, and no other',
    (spec) => {
      const { logs, traces, ...rights } = allowed(synthesis.api, spec.name);
      expect(rights).toEqual(rightsFor(spec, place));
      expect(logs).toEqual(['logs:CreateLogStream', 'logs:PutLogEvents']);
      expect(traces).toEqual(['xray:PutTelemetryRecords', 'xray:PutTraceSegments']);
    },
  );

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

/**
 * In a cluster of several regions, what is done with objects is done in every region; if it is of eventual consistency, what is done with
 * items, too: but for what is done at home alone.
 */
function declared(spec: FunctionSpec, { regions, witness }: Place): string[] {
  const { stores, counts, replicates, rolls, atHome, queue = [] } = spec;
  const { objects, ...tables } = stores;
  const several = regions.length > 1;
  const ofObjects = [...objects, ...(several && replicates ? ['replicate'] : [])];
  const places = !witness ? [''] : atHome ? [regions[0]!] : regions;
  return [
    ...(several ? regions : ['']).flatMap((region) =>
      ofObjects.map((each) => `${at('objects', region)} ${each}`),
    ),
    ...places.flatMap((region) => [
      ...Object.entries(tables).flatMap(([store, access]) =>
        access.map((each) => `${at(store, region)} ${each}`),
      ),
      ...(counts ? [`${at('log', region)} count`] : []),
    ]),
    ...(witness ? [...regions, witness].map((region) => `${at('metadata', region)} home`) : []),
    ...(witness && rolls
      ? [...regions, witness]
          .filter((region) => !atHome || region !== regions[0])
          .map((region) => `${at('log', region)} arrived`)
      : []),
    ...(witness && spec === FAILOVER
      ? TABLES.flatMap((table) => ['read', 'scan'].map((each) => `${at(table, witness)} ${each}`))
      : []),
    ...queue.map((use) => `queue ${use}`),
  ];
}

const at = (store: string, region: string): string => (region ? `${store}@${region}` : store);

function rightsFor(spec: FunctionSpec, place: Place): Record<string, string[]> {
  const [own] = place.regions;
  const here = own ? ` in ${own}` : '';
  const found = new Map<string, Set<string>>();
  const add = (resource: string, action: string) =>
    found.set(resource, (found.get(resource) ?? new Set()).add(action));
  for (const [used, use] of declared(spec, place).map((each) => each.split(' ') as [string, string])) {
    const [store, region = own] = used.split('@') as [string, string?];
    const isItems = store !== 'objects' && store !== 'queue';
    const kind = isItems ? 'items' : store;
    const service = { objects: 's3', items: 'dynamodb', queue: 'sqs' }[kind];
    // A table is known by its name where there are several regions.
    const ofRegion = region !== own || (isItems && own) ? ` of ${region}` : '';
    if (use === 'count') {
      add(`log${ofRegion} spent${place.witness ? ',e*/spent/*' : ''}`, 'dynamodb:PutItem');
      continue;
    }
    const key =
      region === own
        ? `key through ${service}${here}`
        : `key of ${region} that is alias/wadi through ${service} in ${region}`;
    for (const call of calls[kind].get(use)!) {
      const { action, resource = store, key: ofKey = [] } = RIGHTS[call]!;
      add(resource + ofRegion + (use === 'home' ? ' home' : ''), action);
      for (const each of ofKey) add(key, each);
    }
  }
  if (spec === MAINTENANCE) {
    // Lambda's own calls, in the worker's name.
    for (const action of ['ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes'])
      add('queue', `sqs:${action}`);
    add(`key through sqs${here}`, 'kms:Decrypt');
  }
  if (spec === WAKER) {
    for (const action of ['DescribeStream', 'GetRecords', 'GetShardIterator', 'ListStreams'])
      add('stream of log', `dynamodb:${action}`);
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
    const items = scannableItems(noted(new DynamoDBClient({ region })), 'table');
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
      items: new Map([
        ...(await adapter(items, ITEM_USES, {
          get: [key],
          getMany: [[key]],
          query: [{ pk: 'a', limit: 1 }],
          put: [key],
          update: [key, [{ set: ['a'], to: 1 }]],
          delete: [key],
          scan: [{ limit: 1 }],
        })),
        // An Authority, and what asks whether items have arrived.
        ...(await adapter(items, { get: 'home', put: 'home' }, { get: [key], put: [key] })),
        ...(await adapter(items, { getMany: 'arrived' }, { getMany: [[key]] })),
      ]),
      queue: await adapter(sqsQueue({ queueUrl: 'https://sqs.example', region }), QUEUE_USES, {
        send: [['message']],
      }),
    };
  } finally {
    SQSClient.prototype.send = sqs;
  }
}

/**
 * What each function does to stores and queue in the life of a cluster, in which each has to do all that it can; and if one region is home, in the
 * life of one where another is.
 */
async function usesOfFunctions(place: Place): Promise<Map<string, Set<string>>> {
  const { regions, witness } = place;
  const found = new Map(functionsOf(place).map(({ name }) => [name, new Set<string>()]));
  await live(place, found, regions[0]);
  if (witness === undefined) return found;
  await live(place, found, regions[1]);
  await failOver(place, found.get(FAILOVER.name)!);
  return found;
}

/** Notes what is done with a store; `useOf` names what else it is than the method's. */
function note<T extends object>(
  seen: Set<string>,
  store: string,
  port: T,
  usesOf: Readonly<Record<string, string>>,
  useOf: (method: string, args: readonly unknown[]) => string | undefined = () => undefined,
): T {
  return new Proxy(port, {
    get(target, method: string) {
      const work = target[method as keyof T];
      if (!usesOf[method]) return work;
      return (...args: readonly unknown[]) => {
        const { replicate } = (args[2] ?? {}) as PutOptions;
        seen.add(`${store} ${useOf(method, args) ?? usesOf[method]}`);
        if (replicate) seen.add(`${store} replicate`);
        return (work as (...args: readonly unknown[]) => unknown).apply(target, [...args]);
      };
    },
  });
}

const pkOf = ([key]: readonly unknown[]): string => (key as { pk?: string }).pk ?? '';

/** Copies of the tables, between which items travel at once. */
function copiesOf({ regions, witness }: Place) {
  const cut = new Set<string>();
  const stores = Object.fromEntries([...regions, witness!].map((region) => [region, memoryStorage()]));
  const global = globalTables(stores, {
    clock: systemClock,
    lagMs: () => 0,
    open: (from, to) => !cut.has(from) && !cut.has(to),
  });
  return { cut, ...global };
}

const atHome = (copies: Readonly<Record<string, ItemTables>>): Promise<Tables> =>
  homesOf(
    Object.entries(copies).map(([name, tables]) => ({ name, ...tables })),
    async (tables) => tables,
  ).current();

/**
 * In a cluster of several regions, a function finds in the last of them only what it reads, and the last alone takes what it puts into one.
 * @param home one of the regions, if one is home
 */
async function live(
  { regions, witness }: Place,
  found: ReadonlyMap<string, Set<string>>,
  home: string | undefined,
): Promise<void> {
  const global = witness === undefined ? undefined : copiesOf({ regions, witness });
  if (home !== regions[0]) {
    for (const [region, { metadata }] of Object.entries(global!.regions))
      await metadata.put(homeItem(region, { epoch: 2, home: home!, ready: true, by: 'test' }));
  }
  const { objects } = memoryStorage();
  const storage = {
    ...(global ? (await atHome(global.regions)).tables : memoryStorage()),
    ...{ objects, close: async () => undefined },
  };
  const buckets = regions.map((_, i) => {
    const { objects } = memoryStorage();
    return i === regions.length - 1 ? objects : empty(objects);
  });
  const messages = createInProcessQueue();
  let aheadMs = 0;
  const clock: Clock = { ...systemClock, now: () => Date.now() + aheadMs };

  /** A Wadi of the function's own, which notes what it uses. */
  const openFor = async ({ name, counts, atHome: worksAtHome }: FunctionSpec): Promise<Wadi> => {
    // Another region's, if it works at home alone.
    const seen = worksAtHome && home !== regions[0] ? new Set<string>() : found.get(name)!;
    const noted = (tables: Tables['tables'], region = '') => {
      const useOf = (method: string, args: readonly unknown[]) => {
        if (pkOf(args) === 'home') return 'home';
        if (region !== '' && region !== home && method === 'getMany') return 'arrived';
        const isCount = counts && method === 'put' && pkOf(args).replace(/^e2\//, '').startsWith(SPENT);
        return isCount ? 'count' : undefined;
      };
      const [log, metadata, groups] = TABLES.map((table) =>
        note<ItemStore>(seen, at(table, region), tables[table], ITEM_USES, useOf),
      ) as [ItemStore, ItemStore, ItemStore];
      return { log, metadata, groups };
    };
    const { tables, arrived }: Tables = global
      ? await homesOf(
          Object.entries(global.regions).map(([name, tables]) => ({ name, ...noted(tables, name) })),
          async (tables) => tables,
        ).current()
      : { tables: noted(storage) };
    const all = regions.map((region, i) => ({
      ...{ id: i + 1, name: region },
      objects: note(seen, at('objects', region), buckets[i]!, OBJECT_USES),
    }));
    return createWadi({
      storage: {
        ...tables,
        objects: note(seen, 'objects', storage.objects, OBJECT_USES),
        close: async () => undefined,
      },
      clock,
      clusterId: 'one',
      queue: note(seen, 'queue', messages, QUEUE_USES),
      ...(arrived && { arrived }),
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
    // Old enough to be rolled.
    aheadMs += APPEND_EVERY_MS;
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

  for (const name of ['lines', 'words']) await call('topics', `POST ${cluster}/topics`, { topic_name: name });
  const { createHandler: createStreams } = await import(`../../functions/${STREAMS.entry}`);
  const options = {
    application: wordCount,
    functionName: 'words',
    report: () => undefined,
    reportLag: () => undefined,
  };
  const count = createStreams(await openFor(WORD_COUNT), options);
  // So many words that a step takes an object.
  const line = Array.from({ length: 1_000 }, (_, i) => WORDS.slice(i % 10, 2 + Math.floor(i / 10))).join(' ');
  for (let i = 0; i < APPENDS; i++) {
    // Where items are replicated with a lag, steps are kept for a while.
    aheadMs += i < APPENDS - 1 ? APPEND_EVERY_MS : 2 * STREAMS_LIMITS.keepStepsMs;
    await call('produce', `POST ${cluster}/topics/lines/records`, { value: { type: 'STRING', data: line } });
    await count({}, { getRemainingTimeInMillis: () => 60_000 });
  }
  const { createHandler: createWaker } = await import(`../../functions/${WAKER.entry}`);
  const wake = createWaker(await openFor(WAKER), { invoke: async () => true });
  await wake({ Records: [] });
  await call('streamsApi', `GET ${cluster}/streams/word-count/lags`);
  await call('streamsApi', `GET ${cluster}/streams/word-count/stores/counts/-/records`);
  // A worker that dies when it has committed much.
  const dying = await createWadi({
    ...{ storage: { ...storage, groups: mortal(storage.groups) }, clock, clusterId: 'one' },
    ...(regions.length > 0 && {
      regions: {
        local: regions[0]!,
        all: regions.map((name, i) => ({ id: i + 1, name, objects: buckets[i]! })),
      },
    }),
  });
  await expect(runApplication(dying, counting('counter', 'orders', 'users'))).rejects.toThrow('died');
  // What is to be appended finds a head that is to be rolled.
  const small = batch(['x'], { timestamp: clock.now() }).bytes;
  for (let i = 0; i < APPENDS; i++) {
    const route = `POST ${cluster}/topics/users/partitions/0/records`;
    await call('produce', route, small, 'application/vnd.wadi.recordbatch');
  }
  aheadMs += 2 * STREAMS_LIMITS.leaseMs;
  await call('streamsReset', `POST ${cluster}/streams/counter/positions:reset`, { to: { timestamp: 0 } });
  await call('streamsReset', `DELETE ${cluster}/streams/counter`);

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
  global?.close();
}

/** Each region becomes home and is forgotten again; first one to which nothing has come, of what the witness has, since the first is lost. */
async function failOver(place: Place, seen: Set<string>): Promise<void> {
  const [first, second] = place.regions as [string, string];
  const { regions, cut, close } = copiesOf(place);
  cut.add(second);
  for (const table of TABLES) await regions[first]![table].put({ pk: 'some', sk: 'item' });
  const { tables } = await atHome(regions);
  const wadi = await createWadi({ storage: { ...memoryStorage(), ...tables } });
  await wadi.topics.create({ name: 'orders' });
  while ((await regions[place.witness!]!.groups.get({ pk: 'some', sk: 'item' })) === undefined)
    await systemClock.sleep(1);

  const down = new Set([first]);
  const context = {
    regions: Object.entries(regions).map(([name, tables]) => ({
      name,
      tables: Object.fromEntries(
        TABLES.map((table) => [
          table,
          note<ScannableItems>(
            seen,
            at(table, name),
            thatMayBeDown(name, tables[table], down),
            ITEM_USES,
            (_, args) => (table === 'metadata' && pkOf(args) === 'home' ? 'home' : undefined),
          ),
        ]),
      ) as unknown as ItemTables,
      ...(name !== place.witness && {
        objects: note(seen, at('objects', name), memoryStorage().objects, OBJECT_USES),
      }),
    })),
    clock: { ...systemClock, sleep: () => systemClock.sleep(1) },
    limits: FAILOVER_LIMITS,
    told: (progress: string) => {
      if (progress.startsWith('waiting until')) cut.clear();
    },
  };
  const { createHandler } = await import(`../../functions/${FAILOVER.entry}`);
  const handle = createHandler(context, first);
  expect(await handle({ to: second })).toMatchObject({ epoch: 2, source: place.witness });
  down.clear();
  expect(await handle({})).toMatchObject({ epoch: 3, from: second, to: first });
  expect(await handle({ to: second })).toMatchObject({ epoch: 4 });
  close();
}

function thatMayBeDown<T extends object>(name: string, store: T, down: ReadonlySet<string>): T {
  return new Proxy(store, {
    get: (target, method) =>
      down.has(name) ? () => Promise.reject(new StorageError('down', 'no')) : target[method as keyof T],
  });
}

const WORDS = 'abcdefghijklmnopqrstuvwxyz'.repeat(5);
const APPENDS = 24;
const APPEND_EVERY_MS = 500;
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

/** Until a task whose step has outputs is put: then its process is dead. */
function mortal(items: ItemStore): ItemStore {
  let isDead = false;
  const alive = <A extends unknown[], R>(method: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      if (isDead) throw new Error('died');
      const result = await method(...args);
      const [item] = args as unknown[] as [Item];
      if (item.sk.startsWith('1_') && item.blob !== undefined) isDead = true;
      return result;
    };
  };
  return { ...items, get: alive(items.get), put: alive(items.put) };
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
