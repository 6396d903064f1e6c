import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { TOPIC_CONFIGS } from '../../topic/configs.ts';
import type { Wadi } from '../../wadi.ts';
import { type Broker, brokersOf, requireBroker } from '../brokers.ts';
import { HttpError } from '../errors.ts';
import type { HttpRequest, Operation } from '../operation.ts';
import { CLUSTER, ClusterParams } from '../paths.ts';
import { paramsReader } from '../request.ts';
import { JSON_TYPE, json } from '../response.ts';
import { configProperties, configValue } from './configData.ts';
import {
  clusterPlace,
  list,
  listSchema,
  metadata,
  type Place,
  part,
  Relationship,
  related,
  resourceSchema,
} from './resource.ts';

const VIRTUAL =
  'Wadi has no brokers: each region is told as one, with its name as the rack. A cluster of one region has one virtual broker, whose address is that of this API.';

const BROKER = `${CLUSTER}/brokers/{broker_id}`;
export const BrokerParams = Type.Object({
  ...ClusterParams.properties,
  broker_id: Type.Integer({ description: 'The broker ID.' }),
});
const BrokerConfigParams = Type.Object({
  ...BrokerParams.properties,
  name: Type.String({ description: 'The configuration parameter name.' }),
});

const BrokerData = resourceSchema('KafkaBroker', {
  cluster_id: Type.String(),
  broker_id: Type.Integer(),
  host: Type.String(),
  port: Type.Integer(),
  rack: Type.Union([Type.String(), Type.Null()], { description: 'The name of the region.' }),
  configs: Relationship,
  partition_replicas: Relationship,
});

const BrokerConfig = resourceSchema('KafkaBrokerConfig', { ...configProperties, broker_id: Type.Integer() });
const ClusterConfig = resourceSchema('KafkaClusterConfig', {
  ...configProperties,
  config_type: Type.Literal('BROKER'),
});

/** What clients ask a broker for before they produce or create topics. */
const brokerConfigs = (wadi: Wadi): ReadonlyMap<string, string> =>
  new Map([
    ['auto.create.topics.enable', 'false'],
    ['default.replication.factor', String(brokersOf(wadi).length)],
    ['message.max.bytes', TOPIC_CONFIGS['max.message.bytes'].default],
    ['num.partitions', '1'],
  ]);

export const brokerPlace = (cluster: Place, { id }: Broker): Place =>
  part(cluster, `brokers/${id}`, `broker=${id}`);

function brokerData(cluster: Place, broker: Broker, request: HttpRequest): Static<typeof BrokerData> {
  const place = brokerPlace(cluster, broker);
  const { hostname, port, protocol } = new URL(broker.url ?? request.baseUrl);
  return {
    kind: 'KafkaBroker',
    metadata: metadata(place),
    cluster_id: place.clusterId,
    broker_id: broker.id,
    host: hostname,
    port: Number(port) || (protocol === 'https:' ? 443 : 80),
    rack: broker.rack,
    configs: related(place, 'configs'),
    partition_replicas: related(place, 'partition-replicas'),
  };
}

function brokerConfigData(
  cluster: Place,
  broker: Broker,
  name: string,
  value: string,
): Static<typeof BrokerConfig> {
  return {
    kind: 'KafkaBrokerConfig',
    metadata: metadata(part(brokerPlace(cluster, broker), `configs/${name}`, `config=${name}`)),
    cluster_id: cluster.clusterId,
    broker_id: broker.id,
    ...configValue(name, [{ value, source: 'STATIC_BROKER_CONFIG' }]),
    is_read_only: true,
  };
}

function brokerConfigList(wadi: Wadi, request: HttpRequest, path: string, brokers: readonly Broker[]) {
  const cluster = clusterPlace(wadi, request);
  const all = [...brokerConfigs(wadi)];
  const configs = brokers.flatMap((broker) =>
    all.map(([name, value]) => brokerConfigData(cluster, broker, name, value)),
  );
  return json(200, list('KafkaBrokerConfig', `${cluster.url}/${path}`, configs));
}

const brokerParams = paramsReader(BrokerParams);
const brokerConfigParams = paramsReader(BrokerConfigParams);

export const brokerOperations: readonly Operation[] = [
  {
    id: 'listKafkaBrokers',
    method: 'GET',
    path: `${CLUSTER}/brokers`,
    summary: 'List Brokers',
    description: VIRTUAL,
    tag: 'Broker (v3)',
    params: ClusterParams,
    answers: { 200: { [JSON_TYPE]: listSchema('KafkaBroker', BrokerData) } },
    errors: [],
    form: 'v3',
    async handle(wadi, request) {
      const cluster = clusterPlace(wadi, request);
      const data = brokersOf(wadi).map((broker) => brokerData(cluster, broker, request));
      return json(200, list('KafkaBroker', `${cluster.url}/brokers`, data));
    },
  },
  {
    id: 'getKafkaBroker',
    method: 'GET',
    path: BROKER,
    summary: 'Get Broker',
    description: VIRTUAL,
    tag: 'Broker (v3)',
    params: BrokerParams,
    answers: { 200: { [JSON_TYPE]: BrokerData } },
    errors: ['INVALID_REQUEST'],
    form: 'v3',
    async handle(wadi, request) {
      const broker = requireBroker(wadi, brokerParams(request).broker_id);
      return json(200, brokerData(clusterPlace(wadi, request), broker, request));
    },
  },
  {
    id: 'listKafkaAllBrokerConfigs',
    method: 'GET',
    path: `${CLUSTER}/brokers/-/configs`,
    summary: 'List Configs of All Brokers',
    description: 'The same of each. They tell what is; none can be changed.',
    tag: 'Configs (v3)',
    params: ClusterParams,
    answers: { 200: { [JSON_TYPE]: listSchema('KafkaBrokerConfig', BrokerConfig) } },
    errors: [],
    form: 'v3',
    async handle(wadi, request) {
      return brokerConfigList(wadi, request, 'brokers/-/configs', brokersOf(wadi));
    },
  },
  {
    id: 'listKafkaBrokerConfigs',
    method: 'GET',
    path: `${BROKER}/configs`,
    summary: 'List Broker Configs',
    description: 'They tell what is; none can be changed.',
    tag: 'Configs (v3)',
    params: BrokerParams,
    answers: { 200: { [JSON_TYPE]: listSchema('KafkaBrokerConfig', BrokerConfig) } },
    errors: ['INVALID_REQUEST'],
    form: 'v3',
    async handle(wadi, request) {
      const broker = requireBroker(wadi, brokerParams(request).broker_id);
      return brokerConfigList(wadi, request, `brokers/${broker.id}/configs`, [broker]);
    },
  },
  {
    id: 'getKafkaBrokerConfig',
    method: 'GET',
    path: `${BROKER}/configs/{name}`,
    summary: 'Get Broker Config',
    tag: 'Configs (v3)',
    params: BrokerConfigParams,
    answers: { 200: { [JSON_TYPE]: BrokerConfig } },
    errors: ['INVALID_REQUEST'],
    form: 'v3',
    async handle(wadi, request) {
      const { broker_id, name } = brokerConfigParams(request);
      const broker = requireBroker(wadi, broker_id);
      const value = brokerConfigs(wadi).get(name);
      if (value === undefined) throw new HttpError(404, `Config ${name} cannot be found.`, { field: 'name' });
      return json(200, brokerConfigData(clusterPlace(wadi, request), broker, name, value));
    },
  },
  {
    id: 'listKafkaClusterConfigs',
    method: 'GET',
    path: `${CLUSTER}/broker-configs`,
    summary: 'List Dynamic Broker Configs',
    description: 'Always empty: no config can be set for all brokers at once.',
    tag: 'Configs (v3)',
    params: ClusterParams,
    answers: { 200: { [JSON_TYPE]: listSchema('KafkaClusterConfig', ClusterConfig) } },
    errors: [],
    form: 'v3',
    async handle(wadi, request) {
      const self = `${clusterPlace(wadi, request).url}/broker-configs`;
      return json(200, list('KafkaClusterConfig', self, []));
    },
  },
];
