import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { WadiError } from '../../errors.ts';
import type { Quota } from '../../quota/quotaItem.ts';
import type { Operation } from '../operation.ts';
import { CLUSTER, ClusterParams } from '../paths.ts';
import { jsonReader } from '../request.ts';
import { JSON_TYPE, json, NO_CONTENT } from '../response.ts';
import { clusterPlace, list, listSchema, resourceSchema } from './resource.ts';

const QUOTAS = `${CLUSTER}/quotas`;
const KIND = 'KafkaQuota' as const;
const MAX_PRINCIPAL = 255;
const MAX_BATCH = 100;

const rate = (description: string) =>
  Type.Optional(
    Type.Union([Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }), Type.Null()], {
      description,
    }),
  );

const AlterRequest = Type.Object(
  {
    data: Type.Array(
      Type.Object(
        {
          principal: Type.String({
            pattern: '^User:.',
            maxLength: MAX_PRINCIPAL,
            description: '`User:<name>`; `User:*` for each that has none of its own.',
          }),
          producer_byte_rate: rate('Bytes a second of what it produces; not limited if absent or null.'),
          consumer_byte_rate: rate(
            'Bytes a second of what it fetches and polls; not limited if absent or null.',
          ),
        },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: MAX_BATCH },
    ),
  },
  { title: 'AlterQuotasRequest', additionalProperties: false },
);

const rateOrNull = Type.Union([Type.Integer(), Type.Null()]);
const QuotaData = resourceSchema(KIND, {
  cluster_id: Type.String(),
  principal: Type.String(),
  producer_byte_rate: rateOrNull,
  consumer_byte_rate: rateOrNull,
});

function quotaOf(asked: Static<typeof AlterRequest>['data'][number]): Quota {
  const { principal, producer_byte_rate: produced, consumer_byte_rate: consumed } = asked;
  return {
    principal,
    ...(produced != null && { producerByteRate: produced }),
    ...(consumed != null && { consumerByteRate: consumed }),
  };
}

const readAlter = jsonReader(AlterRequest);
const tag = 'Quotas (v3)';

export const quotaOperations: readonly Operation[] = [
  {
    id: 'listQuotas',
    method: 'GET',
    path: QUOTAS,
    summary: 'List Quotas',
    description: "Wadi's own: Kafka's client quotas of users.",
    tag,
    params: ClusterParams,
    answers: { 200: { [JSON_TYPE]: listSchema(KIND, QuotaData) } },
    errors: ['KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request) {
      const { url, crn, clusterId } = clusterPlace(wadi, request);
      const data = (await wadi.quotas.list()).map(({ principal, producerByteRate, consumerByteRate }) => ({
        kind: KIND,
        metadata: { self: `${url}/quotas`, resource_name: `${crn}/quota=${principal}` },
        cluster_id: clusterId,
        principal,
        producer_byte_rate: producerByteRate ?? null,
        consumer_byte_rate: consumerByteRate ?? null,
      }));
      return json(200, list(KIND, `${url}/quotas`, data));
    },
  },
  {
    id: 'alterQuotas',
    method: 'POST',
    path: `${QUOTAS}:alter`,
    summary: 'Alter Quotas',
    description:
      "Wadi's own. Puts each in the place of the principal's; one without rates takes it away. In effect within some seconds. Who is above its quota is answered 429, with `Retry-After`.",
    tag,
    params: ClusterParams,
    accepts: { [JSON_TYPE]: AlterRequest },
    answers: { 204: 'empty' },
    errors: ['INVALID_REQUEST', 'POLICY_VIOLATION', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request) {
      const { data } = readAlter(request);
      const twice = data.findIndex(({ principal }, i) =>
        data.some((each, k) => k < i && each.principal === principal),
      );
      if (twice >= 0) {
        const message = `${data[twice]!.principal} is given twice.`;
        throw new WadiError('INVALID_REQUEST', message, { field: `data[${twice}].principal` });
      }
      await wadi.quotas.alter(data.map(quotaOf));
      return NO_CONTENT;
    },
  },
];
