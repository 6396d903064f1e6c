import type { Static, TSchema } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { WadiError } from '../../errors.ts';
import type { PartitionName } from '../../group/groups.ts';
import type { HttpRequest } from '../operation.ts';
import { jsonReader } from '../request.ts';
import { JSON_TYPE, V2_TYPES } from '../response.ts';

/** What REST Proxy's clients may call the body of a request that has no records. */
export const v2Bodies = (schema: TSchema): Record<string, TSchema> =>
  Object.fromEntries([...V2_TYPES, JSON_TYPE].map((type) => [type, schema]));

/** For a body that may be missing. */
export function optionalReader<T extends TSchema>(
  schema: T,
): (request: HttpRequest) => Static<T> | undefined {
  const read = jsonReader(schema);
  return (request) => (request.body.length === 0 ? undefined : read(request));
}

/** Of one request: as many partitions as a topic may have. */
const MAX_PARTITIONS = 10_000;

const partitionFields = {
  topic: Type.String(),
  partition: Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 }),
};

export const PartitionOfTopic = Type.Object(partitionFields, { title: 'PartitionOfTopic' });

export const listOf = <T extends TSchema>(item: T) => Type.Array(item, { maxItems: MAX_PARTITIONS });

export const partitionItem = <P extends Record<string, TSchema>>(fields: P) =>
  Type.Object({ ...partitionFields, ...fields }, { additionalProperties: false });

export const Offset = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
/** REST Proxy takes some with a seek, and Kafka's consumer forgets it. */
export const Metadata = Type.Optional(Type.Union([Type.String(), Type.Null()]));

export const Partitions = Type.Object(
  { partitions: listOf(partitionItem({})) },
  { title: 'Partitions', additionalProperties: false },
);

/** Of two offsets for one partition it is not clear which counts: INVALID_REQUEST. */
export function requireDistinct(partitions: readonly PartitionName[], field: string): void {
  const seen = new Set<string>();
  for (const [i, { topic, partition }] of partitions.entries()) {
    const key = `${partition} ${topic}`;
    if (seen.has(key)) {
      const message = `Partition ${partition} of topic '${topic}' is given twice.`;
      throw new WadiError('INVALID_REQUEST', message, { field: `${field}[${i}]` });
    }
    seen.add(key);
  }
}

/** The same partitions, each once. */
export function distinct(partitions: readonly PartitionName[]): PartitionName[] {
  return [...new Map(partitions.map((each) => [`${each.partition} ${each.topic}`, each])).values()];
}
