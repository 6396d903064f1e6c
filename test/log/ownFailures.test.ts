import { type KafkaErrorName, WadiError } from '../../lib/errors.ts';
import type { AppendResult } from '../../lib/log/log.ts';
import { tellOwnFailures } from '../../lib/log/ownFailures.ts';

const failed = (kafka: KafkaErrorName): AppendResult => ({
  ...{ ok: false, partition: 0 },
  error: new WadiError(kafka, 'It failed.'),
});
const done: AppendResult = { ok: true, partition: 0, offsets: [0], logStartOffset: 0, appendTimeMs: 0 };

async function told(appending: Promise<AppendResult[]>): Promise<number[]> {
  const calls: number[] = [];
  await tellOwnFailures(appending, 3, (partitions) => calls.push(partitions)).catch(() => undefined);
  return calls;
}

test.each<KafkaErrorName>([
  'KAFKA_STORAGE_ERROR',
  'NOT_ENOUGH_REPLICAS',
  'REQUEST_TIMED_OUT',
  'UNKNOWN_SERVER_ERROR',
])('%s is no fault of the caller', async (kafka) => {
  expect(await told(Promise.resolve([done, failed(kafka), failed(kafka)]))).toEqual([2]);
});

test.each<KafkaErrorName>([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'DUPLICATE_SEQUENCE_NUMBER',
  'INVALID_PRODUCER_EPOCH',
])('%s is the caller’s', async (kafka) => {
  expect(await told(Promise.resolve([done, failed(kafka)]))).toEqual([]);
});

test('what throws failed for all its partitions, unless it is a refusal', async () => {
  expect(await told(Promise.reject(new TypeError('a bug')))).toEqual([3]);
  expect(await told(Promise.reject(new WadiError('THROTTLING_QUOTA_EXCEEDED', 'Later.')))).toEqual([]);
});
