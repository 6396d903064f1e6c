import { messageOf } from '../../messageOf.ts';
import type { Output, RecordError } from '../task/task.ts';

/**
 * What becomes of records that cannot be processed. `stop`, as Kafka's LogAndFail: the task stops at the first, until the application is mended, and
 * throws RecordError. Else they go to a topic, as they were, and the task goes on: KIP-1034.
 */
export type OnError = 'stop' | { readonly deadLetterTopic: string };

const text = new TextEncoder();

/** The record as it was, with the headers of KIP-1034 that say why it is here. */
export function deadLetter(topic: string, { record, partition, cause }: RecordError): Output {
  const said: Readonly<Record<string, string>> = {
    exception: cause instanceof Error ? cause.name : 'Error',
    message: messageOf(cause),
    stacktrace: cause instanceof Error ? (cause.stack ?? '') : '',
    topic: record.topic,
    partition: String(partition),
    offset: String(record.offset),
  };
  const headers = Object.entries(said).map(([name, value]) => ({
    key: `__streams.errors.${name}`,
    value: text.encode(value),
  }));
  const { key, value, timestamp } = record;
  return { topic, key, value, timestamp, headers: [...record.headers, ...headers], partition: undefined };
}
