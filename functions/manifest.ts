/** What is deployed, as data: `cdk/` provisions it and the local cluster serves it. It imports no code of the log. */

/** What a function does with a store; `write` adds and changes, but takes nothing away. */
export type Access = 'read' | 'write' | 'delete';

export interface FunctionSpec {
  readonly name: string;
  /** The module in this folder; its `handler` is Lambda's, its `createHandler` the local cluster's. */
  readonly entry: string;
  readonly description: string;
  /** `METHOD /path/{param}`; `$default` takes what no other route does. */
  readonly routes: readonly string[];
  readonly memoryMb: number;
  /** An HTTP API waits 30 s for an answer. */
  readonly timeoutSeconds: number;
  /** By the names of `Storage`. */
  readonly stores: Readonly<Record<'objects' | 'log' | 'metadata', readonly Access[]>>;
}

const CLUSTER = '/v3/clusters/{cluster_id}';
const TOPIC = `${CLUSTER}/topics/{topic_name}`;
const PARTITION = `${TOPIC}/partitions/{partition_id}`;

export const FUNCTIONS: readonly FunctionSpec[] = [
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
    stores: { objects: ['write'], log: ['read', 'write'], metadata: ['read'] },
  },
  {
    name: 'fetch',
    entry: 'fetch.ts',
    description: 'Reads records of a partition',
    routes: [`GET ${PARTITION}/records`],
    memoryMb: 1024,
    timeoutSeconds: 29,
    stores: { objects: ['read'], log: ['read'], metadata: ['read'] },
  },
  {
    name: 'topics',
    entry: 'topics.ts',
    description: 'Topics, their configs and partitions',
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
      'GET /topics',
      'GET /topics/{topic_name}',
      'GET /topics/{topic_name}/partitions',
      'GET /topics/{topic_name}/partitions/{partition_id}',
      'GET /topics/{topic_name}/partitions/{partition_id}/offsets',
      'POST /admin/topics',
    ],
    memoryMb: 512,
    timeoutSeconds: 29,
    stores: { objects: ['read'], log: ['read', 'write', 'delete'], metadata: ['read', 'write', 'delete'] },
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
      '$default',
    ],
    memoryMb: 512,
    timeoutSeconds: 29,
    stores: { objects: [], log: [], metadata: ['read'] },
  },
];
