import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import type { Access } from '../../acl/access.ts';
import { topicResource } from '../../acl/binding.ts';
import { WadiError } from '../../errors.ts';
import { requirePartition } from '../../log/requirePartition.ts';
import { partitionOfKey } from '../../record/partitioner.ts';
import { keyFrom } from '../../streams/queries/formats.ts';
import { readKey, readRows } from '../../streams/queries/readStore.ts';
import type { QueriedStore } from '../../streams/queries/stateStores.ts';
import type { Times } from '../../streams/queries/storeView.ts';
import type { Wadi } from '../../wadi.ts';
import { HttpError } from '../errors.ts';
import type { Operation } from '../operation.ts';
import { withTopic } from '../records/withTopic.ts';
import { paramsReader, queryReader } from '../request.ts';
import { JSON_TYPE } from '../response.ts';
import { metadata, part } from './resource.ts';
import { streamsTag } from './streams.ts';
import {
  KEY_KIND,
  keyAnswer,
  pageToken,
  positionData,
  RECORD_KIND,
  recordsAnswer,
  StoreKey,
  StoreRecordList,
  tokenPosition,
} from './streamsStoreRecords.ts';
import { findStore, STORE, StoreParams, storeParams, storePlace } from './streamsStores.ts';

const KeyParams = Type.Object({
  ...StoreParams.properties,
  key: Type.String({
    description:
      "In the store's key format: a string as it is, a number in digits, JSON as JSON, bytes, and what is of a format of the application's own, in base64 or base64url.",
  }),
});

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

const time = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description }));
const partition_id = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1, description }));
const limit = Type.Optional(
  Type.Integer({ minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT, description: 'At most so many.' }),
);
const times = {
  from_ms: time('Of windows: those that start then or later; of sessions, those that end then or later.'),
  to_ms: time('Those that start then or earlier.'),
};

const KeyQuery = Type.Object({
  partition_id: partition_id("Where the key is, if it is not where Kafka's default partitioner puts it."),
  ...times,
  limit,
});

const bound = (description: string) => Type.Optional(Type.String({ description }));

const RangeQuery = Type.Object({
  from: bound('The least key, in the order of keys as bytes, as a key is asked for;'),
  to: bound('the greatest, included as well.'),
  prefix: bound(
    "Keys that begin with this: text of the formats `string` and `json`, of bytes and the application's own base64.",
  ),
  ...times,
  partition_id: partition_id('Of this alone; else of all, as in one store.'),
  reverse: Type.Optional(Type.Boolean({ description: 'The last first.' })),
  limit,
  page_token: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9_-]+$',
      description: 'Where to go on; part of the URL that `metadata.next` gives.',
    }),
  ),
});

/** Reads from a store that can be looked into, of which the caller may read the changelog, which has the same. */
async function withStore<T>(
  wadi: Wadi,
  access: Access,
  { application_id, store_name }: Static<typeof StoreParams>,
  partition: number | undefined,
  read: (store: QueriedStore) => Promise<T>,
): Promise<T> {
  const store = await findStore(wadi, application_id, store_name);
  const { name, subtopology, changelogTopic, shape } = store;
  const refuse = (why: string): never => {
    const message = `Store '${name}' cannot be looked into: ${why}.`;
    throw new WadiError('INVALID_REQUEST', message, { field: 'store_name' });
  };
  if (changelogTopic === null) return refuse('it has no changelog, so that its tasks alone have it');
  access.require('READ', topicResource(changelogTopic), 'store_name');
  if (shape === null) return refuse('it is an operator’s own, and may change its form');
  return withTopic(wadi, changelogTopic, partition ?? 0, (changelog) => {
    if (partition !== undefined) requirePartition(changelog, partition);
    return read({ applicationId: application_id, subtopology, name, shape, changelog });
  });
}

function timesOf({ shape }: QueriedStore, given: { from_ms?: number; to_ms?: number }): Times {
  const { from_ms, to_ms } = given;
  const field = from_ms !== undefined ? 'from_ms' : to_ms !== undefined ? 'to_ms' : undefined;
  if (shape.kind === 'key-value' && field !== undefined)
    throw new WadiError('INVALID_REQUEST', `${field} is of windows, of which the store has none.`, { field });
  return { fromMs: from_ms ?? 0, toMs: to_ms ?? Number.MAX_SAFE_INTEGER };
}

function prefixFrom({ shape }: QueriedStore, text: string): Uint8Array {
  const { keyFormat } = shape;
  if (keyFormat === 'string' || keyFormat === 'json') return keyFrom('string', text, 'prefix');
  if (keyFormat === null || keyFormat === 'bytes') return keyFrom('bytes', text, 'prefix');
  throw new WadiError('INVALID_REQUEST', `prefix is of bytes and text, and keys are ${keyFormat}.`, {
    field: 'prefix',
  });
}

const keyParams = paramsReader(KeyParams);
const keyQuery = queryReader(KeyQuery);
const rangeQuery = queryReader(RangeQuery);

const READ_ERRORS = [
  'INVALID_REQUEST',
  'INVALID_RECORD',
  'MESSAGE_TOO_LARGE',
  'GROUP_ID_NOT_FOUND',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'POLICY_VIOLATION',
  'REQUEST_TIMED_OUT',
  'KAFKA_STORAGE_ERROR',
] as const;

export const streamsQueryOperations: readonly Operation[] = [
  {
    id: 'getStreamsStoreKey',
    method: 'GET',
    path: `${STORE}/{key}`,
    summary: 'Get a Key of a State Store',
    description: [
      "Wadi's own: Kafka's interactive queries, of what the application has committed and applied. Of a key-value store the value; of windows and",
      'sessions those of the key, the latest `limit` of them, the latest last. 404 if there is none. 503, retriable, while the store is restored.',
    ].join(' '),
    tag: streamsTag,
    params: KeyParams,
    query: KeyQuery,
    answers: { 200: { [JSON_TYPE]: StoreKey } },
    errors: READ_ERRORS,
    form: 'v3',
    handle(wadi, request, access) {
      const params = keyParams(request);
      const { partition_id, limit = DEFAULT_LIMIT, ...given } = keyQuery(request);
      const deadlineMs = wadi.clock.now() + wadi.stateStores.limits.restoreMs;
      return withStore(wadi, access, params, partition_id, async (store) => {
        const key = keyFrom(store.shape.keyFormat, params.key, 'key');
        const partition = partition_id ?? partitionOfKey(key, store.changelog.partitions);
        const options = { ...timesOf(store, given), limit, deadlineMs };
        const { rows, position, isMore } = await readKey(wadi.stateStores, store, partition, key, options);
        if (rows.length === 0) {
          const { offset } = position;
          const message = `Store '${store.name}' has nothing of the key in partition ${partition}, as of offset ${offset} of its changelog.`;
          throw new HttpError(404, message, { field: 'key' });
        }
        const name = encodeURIComponent(params.key);
        const place = part(storePlace(wadi, request, store.applicationId, store.name), name, `key=${name}`);
        const head = {
          ...{ kind: KEY_KIND, metadata: metadata(place), cluster_id: place.clusterId },
          ...{ application_id: store.applicationId, store_name: store.name, ...positionData(position) },
        };
        return keyAnswer(head, store.shape, rows, isMore);
      });
    },
  },
  {
    id: 'listStreamsStoreRecords',
    method: 'GET',
    path: `${STORE}/-/records`,
    summary: 'List Records of a State Store',
    description: [
      "Wadi's own: Kafka's `range`, `reverseRange`, `prefixScan` and `fetchAll`. In the order of keys as bytes; of windows, of their starts, and of sessions, of their ends,",
      'before that. Each page is as of the `positions` that it names. 503, retriable, while the store is restored.',
    ].join(' '),
    tag: streamsTag,
    params: StoreParams,
    query: RangeQuery,
    answers: { 200: { [JSON_TYPE]: StoreRecordList } },
    errors: READ_ERRORS,
    form: 'v3',
    handle(wadi, request, access) {
      const params = storeParams(request);
      const query = rangeQuery(request);
      const { partition_id, limit = DEFAULT_LIMIT, reverse = false, page_token } = query;
      const { from, to, prefix } = query;
      const deadlineMs = wadi.clock.now() + wadi.stateStores.limits.restoreMs;
      return withStore(wadi, access, params, partition_id, async (store) => {
        const { shape, changelog } = store;
        const all = Array.from({ length: changelog.partitions }, (_, partition) => partition);
        const { rows, positions, isMore } = await readRows(wadi.stateStores, store, {
          ...timesOf(store, query),
          ...(from !== undefined && { from: keyFrom(shape.keyFormat, from, 'from') }),
          ...(to !== undefined && { to: keyFrom(shape.keyFormat, to, 'to') }),
          ...(prefix !== undefined && { prefix: prefixFrom(store, prefix) }),
          ...(page_token !== undefined && { behind: tokenPosition(shape, page_token) }),
          ...{ partitions: partition_id === undefined ? all : [partition_id], limit, reverse, deadlineMs },
        });
        const { url } = storePlace(wadi, request, store.applicationId, store.name);
        const self = (search: URLSearchParams) => `${url}/-/records${search.size > 0 ? `?${search}` : ''}`;
        const next = new URLSearchParams(request.query);
        const last = rows.at(-1);
        if (last !== undefined) next.set('page_token', pageToken(last));
        const head = {
          kind: `${RECORD_KIND}List`,
          metadata: { self: self(request.query), next: isMore ? self(next) : null },
          positions: positions.map(positionData),
        };
        return recordsAnswer(head, shape, rows);
      });
    },
  },
];
