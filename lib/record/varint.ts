import { WadiError } from '../errors.ts';

/**
 * Zigzag variable-length integers, as in Protocol Buffers: the sign in the lowest bit, seven bits a byte, the
 * lowest first. Kafka writes an int32 (varint) in up to 5 bytes and an int64 (varlong) in up to 10; here both are
 * numbers. Source: https://kafka.apache.org/protocol#protocol_types
 */

/** Where reading stands in `bytes`, and the position before which it must end. */
export interface Cursor {
  readonly bytes: Uint8Array;
  position: number;
  end: number;
}

const MAX_VARINT_BYTES = 5;
const MAX_VARLONG_BYTES = 10;

function invalid(what: string): WadiError {
  return new WadiError('INVALID_RECORD', `A record contains ${what}`);
}

/** Throws INVALID_RECORD if it runs past the end or past 32 bits. */
export function readVarint(cursor: Cursor): number {
  const { bytes, position } = cursor;
  // Most varints are lengths below 64, in one byte.
  if (position < cursor.end) {
    const byte = bytes[position]!;
    if (byte < 0x80) {
      cursor.position = position + 1;
      return (byte >>> 1) ^ -(byte & 1);
    }
  }
  const value = readLong(cursor, MAX_VARINT_BYTES);
  if (value !== (value | 0)) throw invalid('an integer beyond 32 bits');
  return value;
}

/** Throws INVALID_RECORD if it runs past the end or is no safe integer. */
export function readVarlong(cursor: Cursor): number {
  const value = readLong(cursor, MAX_VARLONG_BYTES);
  if (!Number.isSafeInteger(value)) throw invalid('an integer beyond 53 bits');
  return value;
}

function readLong(cursor: Cursor, maxBytes: number): number {
  const { bytes, position } = cursor;
  const end = Math.min(cursor.end, position + maxBytes);
  let magnitude = 0;
  // Six bits of the first byte count, as its lowest is the sign; multiplication, since shifts end at 32 bits.
  let scale = 0.5;
  for (let at = position; at < end; at++) {
    const byte = bytes[at]!;
    magnitude += Math.floor((byte & 0x7f) * scale);
    scale *= 128;
    if (byte < 0x80) {
      cursor.position = at + 1;
      return (bytes[position]! & 1) === 0 ? magnitude : -magnitude - 1;
    }
  }
  throw invalid(
    end < position + maxBytes ? 'an integer that is cut off' : `an integer of over ${maxBytes} bytes`,
  );
}

/** The bytes that `value`, a safe integer, takes as a varint or varlong. */
export function sizeOfVarint(value: number): number {
  let rest = value < 0 ? -value - 1 : value;
  if (rest < 64) return 1;
  let size = 1;
  for (rest = Math.floor(rest / 64); rest > 0; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Writes `value`, a safe integer, at `position` and returns the position after it. */
export function writeVarint(bytes: Uint8Array, position: number, value: number): number {
  const sign = value < 0 ? 1 : 0;
  let rest = value < 0 ? -value - 1 : value;
  if (rest < 64) {
    bytes[position] = rest * 2 + sign;
    return position + 1;
  }
  bytes[position++] = 0x80 | ((rest % 64) * 2) | sign;
  for (rest = Math.floor(rest / 64); rest >= 128; rest = Math.floor(rest / 128)) {
    bytes[position++] = 0x80 | (rest % 128);
  }
  bytes[position++] = rest;
  return position;
}
