import { WadiError } from '../errors.ts';
import { type Cursor, readVarint, readVarlong } from './varint.ts';

/**
 * The records of a batch, uncompressed, one after the other without allocating any of them.
 * Source: https://kafka.apache.org/documentation/#record; errors are those of Kafka's DefaultRecord.readFrom.
 *
 *     length varint, attributes int8 (unused), timestamp delta varlong, offset delta varint,
 *     key length varint (-1: null), key, value length varint (-1: null), value,
 *     header count varint, each: key length varint, key, value length varint (-1: null), value
 */
export interface RecordCursor extends Cursor {
  /** The record that was read last; a start is a position, and a length of -1 means null. */
  timestampDelta: number;
  offsetDelta: number;
  keyStart: number;
  keyLength: number;
  valueStart: number;
  valueLength: number;
  headersStart: number;
  headerCount: number;
}

export function recordCursor(payload: Uint8Array): RecordCursor {
  return {
    bytes: payload,
    position: 0,
    end: payload.length,
    timestampDelta: 0,
    offsetDelta: 0,
    keyStart: 0,
    keyLength: 0,
    valueStart: 0,
    valueLength: 0,
    headersStart: 0,
    headerCount: 0,
  };
}

function invalid(what: string): WadiError {
  return new WadiError('INVALID_RECORD', `A record ${what}`);
}

/** Reads the next record, headers included. Throws INVALID_RECORD if it does not fit in what is left. */
export function nextRecord(cursor: RecordCursor): void {
  const payloadEnd = cursor.end;
  const length = readVarint(cursor);
  if (length < 0 || length > payloadEnd - cursor.position)
    throw invalid(`of ${length} bytes overruns its batch`);
  // No field may run past its record.
  cursor.end = cursor.position + length;
  // Kafka has no use for a record's attributes and does not look at them.
  cursor.position++;
  cursor.timestampDelta = readVarlong(cursor);
  cursor.offsetDelta = readVarint(cursor);
  cursor.keyLength = readLength(cursor);
  cursor.keyStart = skip(cursor, cursor.keyLength);
  cursor.valueLength = readLength(cursor);
  cursor.valueStart = skip(cursor, cursor.valueLength);
  cursor.headerCount = readVarint(cursor);
  cursor.headersStart = cursor.position;
  if (cursor.headerCount < 0 || cursor.headerCount > cursor.end - cursor.position) {
    throw invalid(`claims ${cursor.headerCount} headers`);
  }
  for (let i = 0; i < cursor.headerCount; i++) {
    const keyLength = readVarint(cursor);
    if (keyLength < 0) throw invalid(`has a header key of ${keyLength} bytes`);
    skip(cursor, keyLength);
    skip(cursor, readLength(cursor));
  }
  if (cursor.position !== cursor.end) throw invalid('is longer than its fields');
  cursor.end = payloadEnd;
}

/** Kafka takes every negative length for null; only -1 is defined. */
function readLength(cursor: Cursor): number {
  const length = readVarint(cursor);
  if (length < -1) throw invalid(`has a field of ${length} bytes`);
  return length;
}

/** Moves past a field, and returns where it started. */
function skip(cursor: Cursor, length: number): number {
  const start = cursor.position;
  if (length > cursor.end - start) throw invalid('has a field that overruns it');
  if (length > 0) cursor.position = start + length;
  return start;
}
