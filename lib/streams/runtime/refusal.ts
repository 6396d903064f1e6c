import { type KafkaErrorName, WadiError } from '../../errors.ts';
import { HEADER_BYTES } from '../../record/header.ts';
import { plainBatch } from '../../record/plainBatch.ts';
import { KEY_REQUIRED } from '../../record/validate.ts';
import type { Topic } from '../../topic/topic.ts';
import type { RawRecord } from '../record.ts';
import type { Output } from '../task/task.ts';

/** Of a batch, and of a record in it: more than all that has a length of its own. */
const FRAME_BYTES = HEADER_BYTES + 64;
const MAX_UTF8 = 3;

export type Placeable = RawRecord & Partial<Pick<Output, 'partition'>>;

/** Of `refusalOf`. */
export const REFUSALS: readonly KafkaErrorName[] = [
  'MESSAGE_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_PARTITIONS',
];

export const tooLarge = (topic: string, bytes: number, maxMessageBytes: number): WadiError =>
  new WadiError(
    'MESSAGE_TOO_LARGE',
    `A record for topic ${topic} takes ${bytes} bytes in a record batch, max.message.bytes is ${maxMessageBytes}.`,
  );

/** Why a topic does not take a record: MESSAGE_TOO_LARGE, or as `misplaced`; `undefined` if it does. */
export function refusalOf(topic: Topic, record: Placeable): WadiError | undefined {
  const { key, value, headers } = record;
  const { maxMessageBytes } = topic.configs;
  const wrong = misplaced(topic, record);
  if (wrong !== undefined) return wrong;
  let most = FRAME_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) most += 16 + header.key.length * MAX_UTF8 + (header.value?.length ?? 0);
  if (most <= maxMessageBytes) return undefined;
  const { length } = plainBatch([record]).bytes;
  return length <= maxMessageBytes ? undefined : tooLarge(topic.name, length, maxMessageBytes);
}

/** INVALID_PARTITIONS for a partition that there is not, INVALID_RECORD for a record without a key that compaction would need. */
export function misplaced(
  { name, partitions, configs }: Topic,
  { key, partition }: Placeable,
): WadiError | undefined {
  const chosen = partition?.(partitions);
  if (chosen !== undefined && !(Number.isInteger(chosen) && chosen >= 0 && chosen < partitions))
    return new WadiError(
      'INVALID_PARTITIONS',
      `A partitioner says ${chosen} of topic ${name}, which has ${partitions} partitions.`,
    );
  if (key === null && configs.cleanupPolicy.includes('compact'))
    return new WadiError('INVALID_RECORD', `${KEY_REQUIRED}: ${name}.`);
  return undefined;
}
