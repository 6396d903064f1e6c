import { type ConsumerRecord, consumer, type PartitionName, type Subscription } from '../client/index.ts';
import { formatData } from '../rest/records/data.ts';
import { formatRfc3339 } from '../rest/records/timestamp.ts';
import { type Api, topicPath } from './api.ts';
import type { Io } from './io.ts';
import { partitionNames } from './partitionNames.ts';
import { createPrinter, type PrintOptions, type RecordView } from './printer.ts';
import { takeSignals } from './verify/signals.ts';

const MAX_POLL_RECORDS = 10_000;
const MAX_WAIT_MS = 10_000;

interface ConsumeGroupOptions extends PrintOptions {
  readonly fromBeginning?: true;
  readonly verbose?: true;
}

/** Prints as a member of a group until there is enough, or a signal; commits behind what output has taken. */
export async function consumeGroup(
  io: Io,
  api: Api,
  groupId: string,
  subscription: Subscription,
  options: ConsumeGroupOptions,
): Promise<void> {
  // A group waits for topics that are not there yet; whoever names one has mistyped it.
  if ('topics' in subscription) await Promise.all(subscription.topics.map((it) => api.get(topicPath(it))));
  const printer = createPrinter(io, options, CONSUMED);
  const tell = (what: string) => (partitions: readonly PartitionName[]) => {
    if (options.verbose) io.stderr.write(`wadi: ${what} ${partitionNames(partitions)}\n`);
  };
  const member = consumer({
    url: api.url,
    ...api.credentials,
    groupId,
    autoOffsetReset: options.fromBeginning ? 'earliest' : 'latest',
    maxPollRecords: Math.min(printer.room(), MAX_POLL_RECORDS),
    fetchMaxWaitMs: MAX_WAIT_MS,
    onAssigned: tell('assigned'),
    onRevoked: tell('gave up'),
    onLost: tell('lost'),
  });
  const signals = takeSignals(() => io.stderr.write('wadi: ended without leaving the group\n'));
  const stop = AbortSignal.any([signals.phase(), printer.ended]);
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= member.close();
    return closed;
  };
  stop.addEventListener('abort', close);
  try {
    await member.subscribe(subscription);
    for await (const { records, ...name } of member.batches()) {
      const printed = await printer.print(records);
      if (printed === records.length) continue;
      if (printed > 0) await member.commit([{ ...name, offset: records[printed - 1]!.offset + 1 }]);
      break;
    }
  } catch (error) {
    // Closing ends whatever is under way.
    if (!stop.aborted) throw error;
  } finally {
    await close().finally(signals.off);
  }
}

const CONSUMED: RecordView<ConsumerRecord> = {
  json: ({ topic, partition, offset, timestamp, headers, key, value }) => {
    const told = headers.map((header) => ({ name: header.key, value: header.value && base64(header.value) }));
    return `{"topic_name":${JSON.stringify(topic)},"partition_id":${partition},"offset":${offset},"timestamp":${JSON.stringify(formatRfc3339(timestamp))},"timestamp_ms":${timestamp},"headers":${JSON.stringify(told)},"key":${formatData(key, 'auto')},"value":${formatData(value, 'auto')}}`;
  },
  key: ({ key }) => key,
  value: ({ value }) => value,
  headers: ({ headers }) => headers.map(({ key, value }) => [key, value]),
};

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
