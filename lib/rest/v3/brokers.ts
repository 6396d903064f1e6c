import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { TOPIC_CONFIGS } from '../../topic/configs.ts';
import type { Wadi } from '../../wadi.ts';
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

/** Wadi has no brokers. Where the API needs one, it is this: the address by which the client came. */
export const VIRTUAL_BROKER_ID = 1;
const VIRTUAL = 'Wadi has no brokers: there is one virtual broker, whose address is that of this API.';

const BROKER = `${CLUSTER}/brokers/{broker_id}`;
export const BrokerParams = Type.Object({
  ...ClusterParams.properties,
  broker_id: Type.Integer({ description: 'The broker ID.' }),
});
const BrokerConfigParams = Type.Object({
  ...BrokerParams.properties,
  name: Type.String({ description: 'The configuration parameter name.' }),
});

const Broker = resourceSchema('KafkaBroker', {
  cluster_id: Type.String(),
  broker_id: Type.Integer(),
  host: Type.String(),
  port: Type.Integer(),
  rack: Type.Null(),
  configs: Relationship,
  partition_replicas: Relationship,
});

const BrokerConfig = resourceSchema('KafkaBrokerConfig', { ...configProperties, broker_id: Type.Integer() });
const ClusterConfig = resourceSchema('KafkaClusterConfig', {
  ...configProperties,
  config_type: Type.Literal('BROKER'),
});

/** What clients ask a broker for before they produce or create topics. */
const BROKER_CONFIGS: ReadonlyMap<string, string> = new Map([
  ['auto.create.topics.enable', 'false'],
  ['default.replication.factor', '1'],
  ['message.max.bytes', TOPIC_CONFIGS['max.message.bytes'].default],
  ['num.partitions', '1'],
]);

export function requireBroker(brokerId: number): void {
  if (brokerId !== VIRTUAL_BROKER_ID) {
    throw new HttpError(404, `Broker ${brokerId} cannot be found.`, { field: 'broker_id' });
  }
}

export const brokerPlace = (cluster: Place): Place =>
  part(cluster, `brokers/${VIRTUAL_BROKER_ID}`, `broker=${VIRTUAL_BROKER_ID}`);

function brokerData(wadi: Wadi, request: HttpRequest): Static<typeof Broker> {
  const place = brokerPlace(clusterPlace(wadi, request));
  const { hostname, port, protocol } = new URL(request.baseUrl);
  return {
    kind: 'KafkaBroker',
    metadata: metadata(place),
    cluster_id: place.clusterId,
    broker_id: VIRTUAL_BROKER_ID,
    host: hostname,
    port: Number(port) || (protocol === 'https:' ? 443 : 80),
    rack: null,
    configs: related(place, 'configs'),
    partition_replicas: related(place, 'partition-replicas'),
  };
}

function brokerConfigData(broker: Place, name: string, value: string): Static<typeof BrokerConfig> {
  return {
    kind: 'KafkaBrokerConfig',
    metadata: metadata(part(broker, `configs/${name}`, `config=${name}`)),
    cluster_id: broker.clusterId,
    broker_id: VIRTUAL_BROKER_ID,
    ...configValue(name, [{ value, source: 'STATIC_BROKER_CONFIG' }]),
    is_read_only: true,
  };
}

function brokerConfigList(wadi: Wadi, request: HttpRequest, path: string) {
  const cluster = clusterPlace(wadi, request);
  const broker = brokerPlace(cluster);
  const configs = [...BROKER_CONFIGS].map(([name, value]) => brokerConfigData(broker, name, value));
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
    answers: { 200: { [JSON_TYPE]: listSchema('KafkaBroker', Broker) } },
    errors: [],
    form: 'v3',
    async handle(wadi, request) {
      const self = `${clusterPlace(wadi, request).url}/brokers`;
      return json(200, list('KafkaBroker', self, [brokerData(wadi, request)]));
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
    answers: { 200: { [JSON_TYPE]: Broker } },
    errors: ['INVALID_REQUEST'],
    form: 'v3',
    async handle(wadi, request) {
      requireBroker(brokerParams(request).broker_id);
      return json(200, brokerData(wadi, request));
    },
  },
  {
    id: 'listKafkaAllBrokerConfigs',
    method: 'GET',
    path: `${CLUSTER}/brokers/-/configs`,
    summary: 'List Configs of All Brokers',
    description: 'The configs of the virtual broker. They tell what is; none can be changed.',
    tag: 'Configs (v3)',
    params: ClusterParams,
    answers: { 200: { [JSON_TYPE]: listSchema('KafkaBrokerConfig', BrokerConfig) } },
    errors: [],
    form: 'v3',
    async handle(wadi, request) {
      return brokerConfigList(wadi, request, 'brokers/-/configs');
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
      requireBroker(brokerParams(request).broker_id);
      return brokerConfigList(wadi, request, `brokers/${VIRTUAL_BROKER_ID}/configs`);
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
      requireBroker(broker_id);
      const value = BROKER_CONFIGS.get(name);
      if (value === undefined) throw new HttpError(404, `Config ${name} cannot be found.`, { field: 'name' });
      return json(200, brokerConfigData(brokerPlace(clusterPlace(wadi, request)), name, value));
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
