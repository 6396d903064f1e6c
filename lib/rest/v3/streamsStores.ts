import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import type { Access } from '../../acl/access.ts';
import { topicResource } from '../../acl/binding.ts';
import { atOnce } from '../../atOnce.ts';
import { WadiError } from '../../errors.ts';
import { findApplication } from '../../streams/admin/findApplication.ts';
import type { StoreDescription } from '../../streams/registry/describeApplication.ts';
import { FORMATS } from '../../streams/serdes.ts';
import type { Wadi } from '../../wadi.ts';
import { HttpError } from '../errors.ts';
import type { HttpRequest, Operation } from '../operation.ts';
import { paramsReader } from '../request.ts';
import { JSON_TYPE, json } from '../response.ts';
import { clusterPlace, list, listSchema, metadata, type Place, part, resourceSchema } from './resource.ts';
import {
  APPLICATION,
  ApplicationParams,
  applicationParams,
  applicationPlace,
  streamsTag,
} from './streams.ts';

const STORES = `${APPLICATION}/stores`;
export const STORE = `${STORES}/{store_name}`;

export const StoreParams = Type.Object({
  ...ApplicationParams.properties,
  store_name: Type.String({ description: 'The name of the store.' }),
});

const KIND = 'KafkaStreamsStore';

const format = Type.Union([...FORMATS.map((name) => Type.Literal(name)), Type.Null()], {
  description: "Null: one of the application's own, which is told as bytes.",
});

const Store = resourceSchema(KIND, {
  cluster_id: Type.String(),
  application_id: Type.String(),
  store_name: Type.String(),
  subtopology_id: Type.Integer(),
  type: Type.Union(
    [Type.Literal('key-value'), Type.Literal('window'), Type.Literal('session'), Type.Null()],
    { description: "Null: an operator's own, which cannot be looked into." },
  ),
  key_format: format,
  value_format: format,
  is_timestamped: Type.Boolean({ description: 'Rows have the time of the record that made them so.' }),
  window_size_ms: Type.Union([Type.Integer(), Type.Null()]),
  retention_ms: Type.Union([Type.Integer(), Type.Null()], {
    description: 'Of windows and sessions: what is older than the latest by more is there no more.',
  }),
  changelog_topic: Type.Union([Type.String(), Type.Null()], {
    description: 'Null: it has none, and cannot be looked into.',
  }),
  partitions_count: Type.Union([Type.Integer(), Type.Null()], {
    description: 'Of the changelog; null while there is none, and to whom may not describe it.',
  }),
});

export function storePlace(wadi: Wadi, request: HttpRequest, applicationId: string, name: string): Place {
  const application = applicationPlace(clusterPlace(wadi, request), applicationId);
  const encoded = encodeURIComponent(name);
  return part(application, `stores/${encoded}`, `store=${encoded}`);
}

async function storeData(
  wadi: Wadi,
  request: HttpRequest,
  access: Access,
  applicationId: string,
  { name, subtopology, changelogTopic, shape }: StoreDescription,
): Promise<Static<typeof Store>> {
  const place = storePlace(wadi, request, applicationId, name);
  const isSeen = changelogTopic !== null && access.allows('DESCRIBE', topicResource(changelogTopic));
  return {
    kind: KIND,
    metadata: metadata(place),
    cluster_id: place.clusterId,
    application_id: applicationId,
    store_name: name,
    subtopology_id: subtopology,
    type: shape?.kind ?? null,
    key_format: shape?.keyFormat ?? null,
    value_format: shape?.valueFormat ?? null,
    is_timestamped: shape?.isTimestamped ?? false,
    window_size_ms: shape?.windowSizeMs ?? null,
    retention_ms: shape?.retentionMs ?? null,
    changelog_topic: changelogTopic,
    partitions_count: isSeen ? await partitionsOf(wadi, changelogTopic) : null,
  };
}

async function partitionsOf({ topics }: Wadi, name: string): Promise<number | null> {
  try {
    return (await topics.lookup(name)).partitions;
  } catch (error) {
    if (error instanceof WadiError && error.kafka === 'UNKNOWN_TOPIC_OR_PARTITION') return null;
    throw error;
  }
}

export async function findStore(wadi: Wadi, applicationId: string, name: string): Promise<StoreDescription> {
  const { stores } = await findApplication(wadi, applicationId);
  const found = stores.find((store) => store.name === name);
  if (found !== undefined) return found;
  const message = `Application '${applicationId}' has no store '${name}'.`;
  throw new HttpError(404, message, { field: 'store_name' });
}

export const storeParams = paramsReader(StoreParams);

const STORES_AT_ONCE = 8;

export const streamsStoreOperations: readonly Operation[] = [
  {
    id: 'listStreamsStores',
    method: 'GET',
    path: STORES,
    summary: 'List State Stores',
    description: "Wadi's own.",
    tag: streamsTag,
    params: ApplicationParams,
    answers: { 200: { [JSON_TYPE]: listSchema(KIND, Store) } },
    errors: ['GROUP_ID_NOT_FOUND', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request, access) {
      const { application_id } = applicationParams(request);
      const { stores } = await findApplication(wadi, application_id);
      const { url } = applicationPlace(clusterPlace(wadi, request), application_id);
      const data = await atOnce(stores, STORES_AT_ONCE, (store) =>
        storeData(wadi, request, access, application_id, store),
      );
      return json(200, list(KIND, `${url}/stores`, data));
    },
  },
  {
    id: 'getStreamsStore',
    method: 'GET',
    path: STORE,
    summary: 'Get State Store',
    description: "Wadi's own.",
    tag: streamsTag,
    params: StoreParams,
    answers: { 200: { [JSON_TYPE]: Store } },
    errors: ['GROUP_ID_NOT_FOUND', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request, access) {
      const { application_id, store_name } = storeParams(request);
      const store = await findStore(wadi, application_id, store_name);
      return json(200, await storeData(wadi, request, access, application_id, store));
    },
  },
];
