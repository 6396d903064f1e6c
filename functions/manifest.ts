/** What is deployed, as data: `cdk/` provisions it and the local cluster runs it. It imports no code of the log. */

/** What a function does with a store; `write` adds and changes, but takes nothing away. `scan` reads all of a table. */
export type Access = 'read' | 'write' | 'delete' | 'scan';

export interface FunctionSpec {
  readonly name: string;
  /** The module in this folder that has its `createHandler`, and the one in `lambda/` that has its `handler`. */
  readonly entry: string;
  readonly description: string;
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
  /** By the names of `Storage`. */
  readonly stores: Readonly<Record<'objects' | 'log' | 'metadata' | 'groups', readonly Access[]>>;
  /** It counts what principals send and read, for quotas: items `spent/…` of the log table, which it may write though no others. */
  readonly counts?: true;
  /** It puts objects for the bucket to bring to other regions, where there are any: with a tag. */
  readonly replicates?: true;
  /** It rolls heads: where tables are replicated with a lag, it looks whether all regions have what is to leave a head. */
  readonly rolls?: true;
  /** Where one region is home, it works there alone. */
  readonly atHome?: true;
  /** What it does with the queue of maintenance: hand work to it, or ask how much waits there. */
  readonly queue?: readonly ('send' | 'measure')[];
}

/** Called by the API, which waits 30 s for an answer, or 29 if it is private. */
export interface HttpFunctionSpec extends FunctionSpec {
  /** `METHOD /path/{param}`; `$default` takes what no other route does. */
  readonly routes: readonly string[];
}

/** Called by the clock. */
export interface ScheduledFunctionSpec extends FunctionSpec {
  readonly everyMinutes: number;
}

/** Called with what is in the queue of maintenance, one message at a time. */
export interface QueueFunctionSpec extends FunctionSpec {
  /** At a time, at most; 2 or more. */
  readonly concurrency: number;
  /** A message that so many have died of is put aside. */
  readonly attempts: number;
}

const CLUSTER = '/v3/clusters/{cluster_id}';
const TOPIC = `${CLUSTER}/topics/{topic_name}`;
const PARTITION = `${TOPIC}/partitions/{partition_id}`;
const GROUP = `${CLUSTER}/consumer-groups/{consumer_group_id}`;
const APPLICATION = `${CLUSTER}/streams/{application_id}`;
const INSTANCE = '/consumers/{group_name}/instances/{instance}';

export const HTTP_FUNCTIONS: readonly HttpFunctionSpec[] = [
  {
    name: 'produce',
    entry: 'produce.ts',
    description: 'Appends records to partitions',
    routes: [
      `POST ${TOPIC}/records`,
      `POST ${TOPIC}/records:batch`,
      `POST ${PARTITION}/records`,
      'POST /topics/{topic_name}',
      'POST /topics/{topic_name}/partitions/{partition_id}',
    ],
    memoryMb: 1024,
    timeoutSeconds: 29,
    stores: { objects: ['write'], log: ['read', 'write'], metadata: ['read'], groups: [] },
    replicates: true,
    rolls: true,
  },
  {
    name: 'fetch',
    entry: 'fetch.ts',
    description: 'Reads records of a partition',
    routes: [`GET ${PARTITION}/records`],
    memoryMb: 1024,
    timeoutSeconds: 29,
    stores: { objects: ['read'], log: ['read'], metadata: ['read'], groups: [] },
    counts: true,
  },
  {
    name: 'consumers',
    entry: 'consumers.ts',
    description: 'Consumer instances: what they subscribe to, read and commit',
    routes: [
      'POST /consumers/{group_name}',
      `DELETE ${INSTANCE}`,
      `POST ${INSTANCE}/subscription`,
      `GET ${INSTANCE}/subscription`,
      `DELETE ${INSTANCE}/subscription`,
      `POST ${INSTANCE}/assignments`,
      `GET ${INSTANCE}/assignments`,
      `POST ${INSTANCE}/offsets`,
      `GET ${INSTANCE}/offsets`,
      `POST ${INSTANCE}/positions`,
      `POST ${INSTANCE}/positions/beginning`,
      `POST ${INSTANCE}/positions/end`,
      `GET ${INSTANCE}/records`,
      `POST ${INSTANCE}/heartbeat`,
    ],
    memoryMb: 1024,
    timeoutSeconds: 29,
    stores: { objects: ['read'], log: ['read'], metadata: ['read'], groups: ['read', 'write', 'delete'] },
    counts: true,
  },
  {
    name: 'groups',
    entry: 'groups.ts',
    description: 'Consumer groups, their members, positions and lags',
    routes: [
      `GET ${CLUSTER}/consumer-groups`,
      `GET ${GROUP}`,
      `DELETE ${GROUP}`,
      `GET ${GROUP}/consumers`,
      `GET ${GROUP}/consumers/{consumer_id}`,
      `GET ${GROUP}/consumers/{consumer_id}/assignments`,
      `GET ${GROUP}/consumers/{consumer_id}/assignments/{topic_name}/partitions/{partition_id}`,
      `GET ${GROUP}/lag-summary`,
      `GET ${GROUP}/lags`,
      `GET ${GROUP}/lags/{topic_name}/partitions/{partition_id}`,
      `POST ${GROUP}/positions:reset`,
      `DELETE ${GROUP}/positions`,
    ],
    memoryMb: 512,
    timeoutSeconds: 29,
    // A position is looked up by a time in the records.
    stores: { objects: ['read'], log: ['read'], metadata: ['read'], groups: ['read', 'write', 'delete'] },
  },
  {
    name: 'streamsApi',
    entry: 'streamsApi.ts',
    description: 'Shows streams applications, their tasks, lags and state stores',
    routes: [
      `GET ${CLUSTER}/streams`,
      `GET ${APPLICATION}`,
      `GET ${APPLICATION}/tasks`,
      `GET ${APPLICATION}/tasks/{task_id}`,
      `GET ${APPLICATION}/lags`,
      `GET ${APPLICATION}/lags/{topic_name}/partitions/{partition_id}`,
      `GET ${APPLICATION}/stores`,
      `GET ${APPLICATION}/stores/{store_name}`,
      `GET ${APPLICATION}/stores/{store_name}/{key}`,
      `GET ${APPLICATION}/stores/{store_name}/-/records`,
    ],
    // A whole vCPU, and room for stores: QUERY_LIMITS.memoryBytes.
    memoryMb: 1769,
    timeoutSeconds: 29,
    stores: { objects: ['read'], log: ['read'], metadata: ['read'], groups: ['read'] },
  },
  {
    name: 'streamsReset',
    entry: 'streamsReset.ts',
    description: 'Resets and deletes streams applications',
    routes: [`POST ${APPLICATION}/positions:reset`, `DELETE ${APPLICATION}`],
    memoryMb: 512,
    timeoutSeconds: 29,
    // It appends what the last steps of tasks have committed, and deletes topics, steps and snapshots.
    stores: {
      objects: ['read', 'write', 'delete'],
      log: ['read', 'write'],
      metadata: ['read', 'write'],
      groups: ['read', 'write', 'delete'],
    },
    rolls: true,
  },
  {
    name: 'topics',
    entry: 'topics.ts',
    description: 'Topics, their configs and partitions, and the regions that these are in',
    routes: [
      `GET ${CLUSTER}/topics`,
      `POST ${CLUSTER}/topics`,
      `GET ${TOPIC}`,
      `PATCH ${TOPIC}`,
      `DELETE ${TOPIC}`,
      `GET ${CLUSTER}/topics/-/configs`,
      `GET ${TOPIC}/configs`,
      `POST ${TOPIC}/configs:alter`,
      `GET ${TOPIC}/configs/{name}`,
      `PUT ${TOPIC}/configs/{name}`,
      `DELETE ${TOPIC}/configs/{name}`,
      `GET ${TOPIC}/maintenance`,
      `GET ${TOPIC}/partitions`,
      `GET ${PARTITION}`,
      `GET ${PARTITION}/offset`,
      `DELETE ${PARTITION}/records`,
      `GET ${PARTITION}/replicas`,
      `GET ${PARTITION}/replicas/{broker_id}`,
      `GET ${CLUSTER}/topics/-/partitions/-/reassignment`,
      `GET ${TOPIC}/partitions/-/reassignment`,
      `GET ${PARTITION}/reassignment`,
      `GET ${CLUSTER}/brokers/{broker_id}/partition-replicas`,
      `GET ${CLUSTER}/regions`,
      `GET ${CLUSTER}/regions/{region_name}`,
      'GET /topics',
      'GET /topics/{topic_name}',
      'GET /topics/{topic_name}/partitions',
      'GET /topics/{topic_name}/partitions/{partition_id}',
      'GET /topics/{topic_name}/partitions/{partition_id}/offsets',
      'POST /admin/topics',
    ],
    memoryMb: 512,
    timeoutSeconds: 29,
    stores: {
      objects: ['read'],
      log: ['read', 'write'],
      metadata: ['read', 'write'],
      groups: [],
    },
  },
  {
    name: 'acls',
    entry: 'acls.ts',
    description: 'Who may do what, and how much',
    routes: [
      `GET ${CLUSTER}/acls`,
      `POST ${CLUSTER}/acls`,
      `POST ${CLUSTER}/acls:batch`,
      `DELETE ${CLUSTER}/acls`,
      `GET ${CLUSTER}/quotas`,
      `POST ${CLUSTER}/quotas:alter`,
    ],
    memoryMb: 512,
    timeoutSeconds: 29,
    stores: { objects: [], log: [], metadata: ['read', 'write'], groups: [] },
  },
  {
    name: 'maintenanceApi',
    entry: 'maintenanceApi.ts',
    description: 'Shows what maintenance does, and asks for it',
    routes: [
      `GET ${CLUSTER}/maintenance`,
      `POST ${CLUSTER}/maintenance/run`,
      `GET ${CLUSTER}/maintenance/runs/{run_id}`,
    ],
    memoryMb: 512,
    timeoutSeconds: 29,
    stores: { objects: [], log: ['read', 'write'], metadata: ['read'], groups: [] },
    queue: ['send'],
  },
  {
    name: 'cluster',
    entry: 'cluster.ts',
    description: 'The cluster, its brokers, health, and what is served',
    routes: [
      'GET /v3/clusters',
      `GET ${CLUSTER}`,
      `GET ${CLUSTER}/broker-configs`,
      `GET ${CLUSTER}/brokers`,
      `GET ${CLUSTER}/brokers/{broker_id}`,
      `GET ${CLUSTER}/brokers/-/configs`,
      `GET ${CLUSTER}/brokers/{broker_id}/configs`,
      `GET ${CLUSTER}/brokers/{broker_id}/configs/{name}`,
      'GET /brokers',
      'GET /',
      'GET /health',
      'GET /healthy',
      'GET /ready',
      'GET /openapi.json',
      'GET /openapi',
      'GET /openapi/v3',
      '$default',
    ],
    memoryMb: 512,
    timeoutSeconds: 29,
    stores: { objects: [], log: [], metadata: ['read'], groups: [] },
  },
];

export const PLANNER: ScheduledFunctionSpec = {
  name: 'planner',
  entry: 'planner.ts',
  description: 'Finds what maintenance is due and hands it out',
  everyMinutes: 5,
  memoryMb: 256,
  timeoutSeconds: 120,
  stores: { objects: [], log: ['read', 'write'], metadata: [], groups: [] },
  atHome: true,
  queue: ['send', 'measure'],
};

/** Only where an alarm on the lag of some group is asked for. */
export const LAG: ScheduledFunctionSpec = {
  name: 'lag',
  entry: 'lag.ts',
  description: 'Measures how far consumer groups are behind',
  everyMinutes: 5,
  memoryMb: 512,
  timeoutSeconds: 120,
  stores: { objects: [], log: ['read'], metadata: ['read'], groups: ['read'] },
};

export const MAINTENANCE: QueueFunctionSpec = {
  name: 'maintenance',
  entry: 'maintenance.ts',
  description: 'Rolls, merges, compacts and deletes what is due',
  concurrency: 10,
  attempts: 5,
  memoryMb: 1024,
  // As long as a lease: MaintenanceLimits.leaseMs.
  timeoutSeconds: 600,
  stores: {
    objects: ['read', 'write', 'delete'],
    log: ['read', 'write', 'delete'],
    metadata: ['read', 'write', 'delete'],
    groups: ['read', 'write', 'delete'],
  },
  rolls: true,
  atHome: true,
  queue: ['send'],
};

/** One for each streams application that is deployed, with the application's module in it. */
export const STREAMS: ScheduledFunctionSpec = {
  name: 'streams',
  entry: 'streams.ts',
  description: 'Works on the tasks of a streams application',
  everyMinutes: 5,
  memoryMb: 1024,
  timeoutSeconds: 300,
  stores: {
    objects: ['read', 'write', 'delete'],
    log: ['read', 'write'],
    metadata: ['read', 'write'],
    groups: ['read', 'write'],
  },
  rolls: true,
  atHome: true,
};

/** Called with changes of the log table; only where there are streams applications. */
export const WAKER: FunctionSpec = {
  name: 'waker',
  entry: 'waker.ts',
  description: 'Calls streams applications when there is something for them to read',
  memoryMb: 256,
  timeoutSeconds: 30,
  stores: { objects: [], log: [], metadata: ['read'], groups: ['read'] },
  atHome: true,
};

const ALL_OF_A_TABLE: readonly Access[] = ['read', 'scan', 'write', 'delete'];

/** Called by an operator; only where tables are replicated with a lag. */
export const FAILOVER: FunctionSpec = {
  name: 'failover',
  entry: 'failover.ts',
  description: 'Makes another region home',
  memoryMb: 2048,
  timeoutSeconds: 900,
  stores: { objects: ['read'], log: ALL_OF_A_TABLE, metadata: ALL_OF_A_TABLE, groups: ALL_OF_A_TABLE },
};

/** Of every cluster; `lag` if it is asked for. */
export const FUNCTIONS: readonly FunctionSpec[] = [...HTTP_FUNCTIONS, PLANNER, MAINTENANCE, LAG];
