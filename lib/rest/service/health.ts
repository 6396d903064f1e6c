import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { VERSION } from '../../version.ts';
import type { Operation } from '../operation.ts';
import { JSON_TYPE, json } from '../response.ts';

const Health = Type.Object({ status: Type.Literal('ok'), cluster_id: Type.String() }, { title: 'Health' });

const Info = Type.Object(
  {
    name: Type.Literal('wadi'),
    version: Type.String(),
    bridge_version: Type.String({ description: 'The same, under the name that Strimzi Bridge gives it.' }),
    cluster_id: Type.String(),
  },
  { title: 'Info' },
);

const tag = 'Service';

export const healthOperations: readonly Operation[] = [
  {
    id: 'health',
    method: 'GET',
    path: '/health',
    summary: 'Whether this function runs',
    description: 'It asks no store.',
    tag,
    answers: { 200: { [JSON_TYPE]: Health } },
    errors: [],
    form: 'v3',
    async handle(wadi) {
      const answer: Static<typeof Health> = { status: 'ok', cluster_id: wadi.clusterId };
      return json(200, answer);
    },
  },
  {
    id: 'healthy',
    method: 'GET',
    path: '/healthy',
    summary: 'Whether this function runs, as Strimzi Bridge asks',
    tag,
    answers: { 200: 'empty' },
    errors: [],
    form: 'v2',
    async handle() {
      return { status: 200 };
    },
  },
  {
    id: 'ready',
    method: 'GET',
    path: '/ready',
    summary: 'Whether the metadata store answers, as Strimzi Bridge asks',
    tag,
    answers: { 200: 'empty' },
    errors: ['KAFKA_STORAGE_ERROR'],
    form: 'v2',
    async handle(wadi) {
      await wadi.storage.metadata.get({ pk: 'ready', sk: 'ready' });
      return { status: 200 };
    },
  },
  {
    id: 'info',
    method: 'GET',
    path: '/',
    summary: 'What answers here',
    tag,
    answers: { 200: { [JSON_TYPE]: Info } },
    errors: [],
    form: 'v2',
    async handle(wadi) {
      const answer: Static<typeof Info> = {
        name: 'wadi',
        version: VERSION,
        bridge_version: VERSION,
        cluster_id: wadi.clusterId,
      };
      return json(200, answer);
    },
  },
];
