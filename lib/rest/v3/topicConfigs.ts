import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { topicResource } from '../../acl/binding.ts';
import { WadiError } from '../../errors.ts';
import { CONFIG_NAMES, type ConfigName, TOPIC_CONFIGS } from '../../topic/configs.ts';
import type { ConfigChange, Topic } from '../../topic/topic.ts';
import { HttpError } from '../errors.ts';
import type { Operation } from '../operation.ts';
import { CLUSTER, ClusterParams, TOPIC, TopicParams } from '../paths.ts';
import { jsonReader, paramsReader } from '../request.ts';
import { JSON_TYPE, json, NO_CONTENT } from '../response.ts';
import { configProperties, configValue } from './configData.ts';
import { PageQuery, pageOf } from './page.ts';
import { clusterPlace, list, listSchema, metadata, type Place, part, resourceSchema } from './resource.ts';
import { topicPlace } from './topics.ts';

const TopicConfig = resourceSchema('KafkaTopicConfig', { ...configProperties, topic_name: Type.String() });
const TopicConfigList = listSchema('KafkaTopicConfig', TopicConfig);

const ConfigParams = Type.Object({
  ...TopicParams.properties,
  name: Type.String({ description: 'The configuration parameter name.' }),
});

const UpdateConfigRequest = Type.Object(
  { value: Type.String() },
  { title: 'UpdateConfigRequest', additionalProperties: false },
);

const AlterConfigsRequest = Type.Object(
  {
    data: Type.Array(
      Type.Object(
        {
          name: Type.String(),
          value: Type.Optional(Type.Union([Type.String(), Type.Null()], { description: 'Needed to set.' })),
          operation: Type.Optional(
            Type.Union([Type.Literal('SET'), Type.Literal('DELETE'), Type.Null()], {
              description: 'SET if absent or null. DELETE takes the override away.',
            }),
          ),
        },
        { additionalProperties: false },
      ),
    ),
    validate_only: Type.Optional(Type.Boolean({ description: 'Check only; change nothing.' })),
  },
  { title: 'AlterConfigsRequest', additionalProperties: false },
);

function configData(cluster: Place, topic: Topic, name: ConfigName): Static<typeof TopicConfig> {
  const place = part(topicPlace(cluster, topic.name), `configs/${name}`, `config=${name}`);
  const override = topic.overrides[name];
  return {
    kind: 'KafkaTopicConfig',
    metadata: metadata(place),
    cluster_id: place.clusterId,
    topic_name: topic.name,
    ...configValue(name, [
      ...(override === undefined ? [] : [{ value: override, source: 'DYNAMIC_TOPIC_CONFIG' as const }]),
      { value: TOPIC_CONFIGS[name].default, source: 'DEFAULT_CONFIG' },
    ]),
    is_read_only: name === 'partitions.per.head',
  };
}

function changes({ data }: Static<typeof AlterConfigsRequest>): ConfigChange[] {
  return data.map(({ name, value, operation }, index) => {
    if (data.findIndex((other) => other.name === name) < index) {
      throw new WadiError('INVALID_REQUEST', `Config ${name} is given twice.`, {
        field: `data[${index}].name`,
      });
    }
    if (operation === 'DELETE') return { name, value: null };
    if (value == null) {
      throw new WadiError('INVALID_REQUEST', `Config ${name} needs a value to be set.`, {
        field: `data[${index}].value`,
      });
    }
    return { name, value };
  });
}

const topicParams = paramsReader(TopicParams);
const configParams = paramsReader(ConfigParams);
const updateRequest = jsonReader(UpdateConfigRequest);
const alterRequest = jsonReader(AlterConfigsRequest);
const tag = 'Configs (v3)';

export const topicConfigOperations: readonly Operation[] = [
  {
    id: 'listKafkaAllTopicConfigs',
    method: 'GET',
    path: `${CLUSTER}/topics/-/configs`,
    summary: 'List All Topic Configs',
    tag,
    params: ClusterParams,
    query: PageQuery,
    answers: { 200: { [JSON_TYPE]: TopicConfigList } },
    errors: ['INVALID_REQUEST'],
    form: 'v3',
    async handle(wadi, request, access) {
      const cluster = clusterPlace(wadi, request);
      const self = `${cluster.url}/topics/-/configs`;
      const seen = (await wadi.topics.list()).filter(({ name }) =>
        access.allows('DESCRIBE_CONFIGS', topicResource(name)),
      );
      const configs = seen.flatMap((topic) =>
        CONFIG_NAMES.map((name, index) => ({ topicName: topic.name, index, topic, name })),
      );
      const { page, next } = pageOf(request, self, configs);
      const data = page.map(({ topic, name }) => configData(cluster, topic, name));
      return json(200, list('KafkaTopicConfig', self, data, next));
    },
  },
  {
    id: 'listKafkaTopicConfigs',
    method: 'GET',
    path: `${TOPIC}/configs`,
    summary: 'List Topic Configs',
    tag,
    params: TopicParams,
    answers: { 200: { [JSON_TYPE]: TopicConfigList } },
    errors: ['UNKNOWN_TOPIC_OR_PARTITION'],
    form: 'v3',
    async handle(wadi, request) {
      const topic = await wadi.topics.describe(topicParams(request).topic_name);
      const cluster = clusterPlace(wadi, request);
      const self = `${topicPlace(cluster, topic.name).url}/configs`;
      const data = CONFIG_NAMES.map((name) => configData(cluster, topic, name));
      return json(200, list('KafkaTopicConfig', self, data));
    },
  },
  {
    id: 'updateKafkaTopicConfigBatch',
    method: 'POST',
    path: `${TOPIC}/configs:alter`,
    summary: 'Batch Alter Topic Configs',
    description: 'All changes are made, or none.',
    tag,
    params: TopicParams,
    accepts: { [JSON_TYPE]: AlterConfigsRequest },
    answers: { 204: 'empty' },
    errors: ['INVALID_REQUEST', 'UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_CONFIG'],
    form: 'v3',
    async handle(wadi, request) {
      const body = alterRequest(request);
      const { topic_name } = topicParams(request);
      await wadi.topics.alterConfigs(topic_name, changes(body), {
        validateOnly: body.validate_only ?? false,
      });
      return NO_CONTENT;
    },
  },
  {
    id: 'getKafkaTopicConfig',
    method: 'GET',
    path: `${TOPIC}/configs/{name}`,
    summary: 'Get Topic Config',
    tag,
    params: ConfigParams,
    answers: { 200: { [JSON_TYPE]: TopicConfig } },
    errors: ['UNKNOWN_TOPIC_OR_PARTITION'],
    form: 'v3',
    async handle(wadi, request) {
      const params = configParams(request);
      const topic = await wadi.topics.describe(params.topic_name);
      const name = CONFIG_NAMES.find((known) => known === params.name);
      if (name === undefined)
        throw new HttpError(404, `Config ${params.name} cannot be found.`, { field: 'name' });
      return json(200, configData(clusterPlace(wadi, request), topic, name));
    },
  },
  {
    id: 'updateKafkaTopicConfig',
    method: 'PUT',
    path: `${TOPIC}/configs/{name}`,
    summary: 'Update Topic Config',
    tag,
    params: ConfigParams,
    accepts: { [JSON_TYPE]: UpdateConfigRequest },
    answers: { 204: 'empty' },
    errors: ['INVALID_REQUEST', 'UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_CONFIG'],
    form: 'v3',
    async handle(wadi, request) {
      const { topic_name, name } = configParams(request);
      await wadi.topics.alterConfigs(topic_name, [{ name, value: updateRequest(request).value }]);
      return NO_CONTENT;
    },
  },
  {
    id: 'deleteKafkaTopicConfig',
    method: 'DELETE',
    path: `${TOPIC}/configs/{name}`,
    summary: 'Reset Topic Config',
    tag,
    params: ConfigParams,
    answers: { 204: 'empty' },
    errors: ['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_CONFIG'],
    form: 'v3',
    async handle(wadi, request) {
      const { topic_name, name } = configParams(request);
      await wadi.topics.alterConfigs(topic_name, [{ name, value: null }]);
      return NO_CONTENT;
    },
  },
];
