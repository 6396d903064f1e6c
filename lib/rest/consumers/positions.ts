import * as Type from '@sinclair/typebox/type';
import type { MemberName, PartitionName, SeekPosition } from '../../group/groups.ts';
import type { Wadi } from '../../wadi.ts';
import type { Operation } from '../operation.ts';
import { parseRfc3339 } from '../records/timestamp.ts';
import { jsonReader } from '../request.ts';
import { NO_CONTENT } from '../response.ts';
import { describePartition } from '../topicPartition.ts';
import {
  distinct,
  listOf,
  Metadata,
  Offset,
  Partitions,
  partitionItem,
  requireDistinct,
  v2Bodies,
} from './bodies.ts';
import { withState } from './illegalState.ts';
import { INSTANCE, InstanceParams, memberName, tag } from './paths.ts';
import { requireReadable } from './visible.ts';

const PATH = `${INSTANCE}/positions`;

/** Each is looked up. */
const MAX_TIMESTAMPS = 100;

const SeekRequest = Type.Object(
  {
    offsets: Type.Optional(
      Type.Union([listOf(partitionItem({ offset: Offset, metadata: Metadata })), Type.Null()]),
    ),
    timestamps: Type.Optional(
      Type.Union(
        [
          Type.Array(partitionItem({ timestamp: Type.String(), metadata: Metadata }), {
            maxItems: MAX_TIMESTAMPS,
          }),
          Type.Null(),
        ],
        {
          description:
            'RFC 3339 date-times: to the first record that is not older, or the end if there is none.',
        },
      ),
    ),
  },
  { title: 'SeekRequest', additionalProperties: false },
);

const readSeek = jsonReader(SeekRequest);
const readPartitions = jsonReader(Partitions);

async function seek(wadi: Wadi, member: MemberName, positions: readonly SeekPosition[]): Promise<void> {
  await withState('FENCED_MEMBER_EPOCH', () => wadi.groups.seek(member, positions));
}

async function offsetAt(
  wadi: Wadi,
  { topic: name, partition }: PartitionName,
  timestamp: number,
): Promise<number | 'latest'> {
  const topic = await describePartition(wadi, name, partition);
  const { offset } = await wadi.log.listOffsets(topic, partition, { timestamp });
  return offset >= 0 ? offset : 'latest';
}

const shared: Pick<Operation, 'method' | 'tag' | 'params' | 'answers' | 'errors' | 'refusals' | 'form'> = {
  method: 'POST',
  tag,
  params: InstanceParams,
  answers: { 204: 'empty' },
  errors: [
    'INVALID_REQUEST',
    'INVALID_TIMESTAMP',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'UNKNOWN_MEMBER_ID',
    'FENCED_INSTANCE_ID',
    'KAFKA_STORAGE_ERROR',
  ],
  refusals: [409],
  form: 'v2',
};

function seekTo(id: string, end: 'beginning' | 'end', offset: 'earliest' | 'latest'): Operation {
  return {
    ...shared,
    id,
    path: `${PATH}/${end}`,
    summary: `Go on at the ${end} of partitions`,
    accepts: v2Bodies(Partitions),
    async handle(wadi, request, access) {
      const partitions = distinct(readPartitions(request).partitions);
      requireReadable(access, partitions, 'partitions');
      await seek(
        wadi,
        memberName(request),
        partitions.map((name) => ({ ...name, offset })),
      );
      return NO_CONTENT;
    },
  };
}

export const positionOperations: readonly Operation[] = [
  {
    ...shared,
    id: 'seek',
    path: PATH,
    summary: 'Go on at other offsets',
    description:
      'Where the next poll begins. Partitions must be assigned to the instance: else 409 (40903), and nothing moves.',
    accepts: v2Bodies(SeekRequest),
    async handle(wadi, request, access) {
      const body = readSeek(request);
      const offsets = body.offsets ?? [];
      const timestamps = body.timestamps ?? [];
      requireDistinct(offsets, 'offsets');
      requireDistinct([...offsets, ...timestamps], 'timestamps');
      requireReadable(access, offsets, 'offsets');
      requireReadable(access, timestamps, 'timestamps');
      const times = timestamps.map((each, i) => parseRfc3339(each.timestamp, `timestamps[${i}].timestamp`));
      const found = await Promise.all(timestamps.map((each, i) => offsetAt(wadi, each, times[i]!)));
      const positions = [...offsets, ...timestamps.map((each, i) => ({ ...each, offset: found[i]! }))].map(
        ({ topic, partition, offset }) => ({ topic, partition, offset }),
      );
      await seek(wadi, memberName(request), positions);
      return NO_CONTENT;
    },
  },
  seekTo('seekToBeginning', 'beginning', 'earliest'),
  seekTo('seekToEnd', 'end', 'latest'),
];
