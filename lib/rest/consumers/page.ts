import type { RecordsPage } from '../../group/groups.ts';
import { decodeBatches } from '../../record/decode.ts';
import type { DecodedRecord } from '../../record/record.ts';
import { HttpError } from '../errors.ts';
import { encodedBytes, MAX_ANSWER_BYTES } from '../response.ts';
import { type ConsumerFormat, formatRecord } from './format.ts';

export interface PageLimits {
  readonly maxRecords: number;
  /** REST Proxy's `max_bytes`: of keys and values as they were produced. One record is taken in any case. */
  readonly maxBytes: number;
}

/** Of several records: as base64, which is the most that Lambda may make of a text, they fit in its answer. */
const MAX_TEXT_BYTES = Math.floor(MAX_ANSWER_BYTES / 4) * 3;

export interface ConsumerPage extends RecordsPage {
  /** The records in JSON. */
  readonly records: readonly string[];
}

/**
 * Makes an answer to a poll. What was given before (`toOffset`) is given again whatever the limits, and as it fitted then, it
 * fits now. A record that cannot be answered ends the page; it refuses the poll if it is the first of its page, so that
 * nobody goes past it unknowingly: HttpError 406 if it is not of the format, 413 if no answer can hold it.
 */
export function createPage(format: ConsumerFormat, { maxRecords, maxBytes }: PageLimits): ConsumerPage {
  const records: string[] = [];
  let bytes = 0;
  let textBytes = 0;

  /** Whether there was room for it. */
  function take(topicName: string, partition: number, record: DecodedRecord, isAgain: boolean): boolean {
    const recordBytes = (record.key?.length ?? 0) + (record.value?.length ?? 0);
    const isFirst = records.length === 0;
    if (!isFirst && !isAgain && (records.length >= maxRecords || bytes + recordBytes > maxBytes))
      return false;
    const text = formatRecord(format, topicName, partition, record);
    if (text === undefined) {
      if (isFirst) throw wrongFormat(format, topicName, partition, record.offset);
      return false;
    }
    textBytes += Buffer.byteLength(text) + 1;
    if (textBytes > MAX_TEXT_BYTES) {
      if (!isFirst) return false;
      requireAnswerable(topicName, partition, record.offset, text);
    }
    bytes += recordBytes;
    records.push(text);
    return true;
  }

  return {
    records,
    add(topic, partition, fetched, fromOffset, toOffset) {
      const before = records.length;
      const end = toOffset ?? Number.POSITIVE_INFINITY;
      for (const record of decodeBatches(fetched.bytes, { fromOffset })) {
        if (record.offset >= end) break;
        if (!take(topic.name, partition, record, toOffset !== undefined)) {
          return { records: records.length - before, nextOffset: record.offset, full: true };
        }
      }
      return {
        records: records.length - before,
        nextOffset: Math.min(fetched.nextOffset, end),
        full: toOffset === undefined && (records.length >= maxRecords || bytes >= maxBytes),
      };
    },
  };
}

function wrongFormat(
  { content }: ConsumerFormat,
  topicName: string,
  partition: number,
  offset: number,
): HttpError {
  const place = recordAt(topicName, partition, offset);
  return new HttpError(
    406,
    `Key or value of ${place} is no ${content}: seek to ${offset + 1} to go on behind it, or read it with another format.`,
    { kafka: 'INVALID_RECORD' },
  );
}

/** A batch of 4 MiB may hold a record that decompresses to 32 MB. */
function requireAnswerable(topicName: string, partition: number, offset: number, text: string): void {
  const { bytes } = encodedBytes(text);
  if (bytes <= MAX_ANSWER_BYTES) return;
  const place = recordAt(topicName, partition, offset);
  throw new HttpError(
    413,
    `As an answer ${place} takes ${bytes} bytes, more than ${MAX_ANSWER_BYTES}: seek to ${offset + 1} to go on behind it, or fetch it as a record batch.`,
    { kafka: 'MESSAGE_TOO_LARGE' },
  );
}

const recordAt = (topicName: string, partition: number, offset: number): string =>
  `the record at offset ${offset} of partition ${partition} of topic '${topicName}'`;
