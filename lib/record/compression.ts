import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { snappyCompressor, snappyUncompressor } from 'hysnappy';
import { WadiError } from '../errors.ts';
import { compressLz4, decompressLz4 } from './lz4.ts';
import type { CompressionCodec } from './record.ts';

/**
 * The codecs of a record batch, KIP-110 (zstd) included. Everything here is synchronous and bounded: what a
 * compressed payload may cost is known before it is paid.
 */

/** What the records of one request, or of one batch that is read, may decompress to, if nothing else is said. */
export const MAX_DECOMPRESSED_BYTES = 32 * 1024 * 1024;

export function compress(codec: CompressionCodec, bytes: Uint8Array): Uint8Array {
  switch (codec) {
    case 'none':
      return bytes;
    case 'gzip':
      return gzipSync(bytes);
    case 'snappy':
      return snappy().compress(bytes);
    case 'lz4':
      return compressLz4(bytes);
    case 'zstd':
      return zstdCompressSync(bytes);
  }
}

/** Throws MESSAGE_TOO_LARGE if there is more than `maxBytes`, CORRUPT_MESSAGE if this is not what `codec` writes. */
export function decompress(codec: CompressionCodec, bytes: Uint8Array, maxBytes: number): Uint8Array {
  switch (codec) {
    case 'none':
      return bytes;
    case 'gzip':
      return inflate(codec, maxBytes, () => gunzipSync(bytes, { maxOutputLength: maxBytes }));
    case 'snappy':
      return decompressSnappy(bytes, maxBytes);
    case 'lz4':
      return decompressLz4(bytes, maxBytes);
    case 'zstd':
      return inflate(codec, maxBytes, () => decompressZstd(bytes, maxBytes));
  }
}

function tooLarge(maxBytes: number): WadiError {
  return new WadiError('MESSAGE_TOO_LARGE', `The records decompress to more than ${maxBytes} bytes`);
}

function corrupt(codec: CompressionCodec, cause?: unknown): WadiError {
  return new WadiError('CORRUPT_MESSAGE', `The records do not decompress as ${codec}`, { cause });
}

// ---------------------------------------------------------------- gzip and zstd

const OVER_THE_BOUND = new Set(['ERR_BUFFER_TOO_LARGE', 'ZSTD_error_frameParameter_windowTooLarge']);

function inflate(codec: CompressionCodec, maxBytes: number, run: () => Uint8Array): Uint8Array {
  if (maxBytes < 1) throw tooLarge(maxBytes);
  try {
    return run();
  } catch (error) {
    if (error instanceof WadiError) throw error;
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
    throw typeof code === 'string' && OVER_THE_BOUND.has(code) ? tooLarge(maxBytes) : corrupt(codec, error);
  }
}

/** One frame: what follows it would be passed over without a word, here and not by Kafka's clients. */
function decompressZstd(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const params = { [constants.ZSTD_d_windowLogMax]: windowLogMax(maxBytes) };
  // What `info` changes in the answer is missing in @types/node.
  const { buffer, engine } = zstdDecompressSync(bytes, {
    maxOutputLength: maxBytes,
    params,
    info: true,
  }) as unknown as { buffer: Uint8Array; engine: { bytesWritten: number } };
  if (engine.bytesWritten !== bytes.length) throw corrupt('zstd');
  return buffer;
}

/**
 * A zstd frame names the window that its decoder must allocate, up to 128 MiB by default. No frame of our bound
 * needs a window above it; 2^23 is what compression levels up to 19 use, however small the input.
 */
function windowLogMax(maxBytes: number): number {
  return Math.min(27, Math.max(23, Math.ceil(Math.log2(maxBytes))));
}

// ---------------------------------------------------------------- snappy

/**
 * hysnappy is 8 KB of code and inlined WebAssembly without dependencies, and answers corrupt input with an error.
 * (snappyjs loops forever on a literal of negative length; snappy is native code.) Instantiated when first needed.
 */
interface Snappy {
  compress(bytes: Uint8Array): Uint8Array;
  /** `length` must be the one that the input declares. */
  uncompress(bytes: Uint8Array, length: number): Uint8Array;
}

let loaded: Snappy | undefined;

function snappy(): Snappy {
  loaded ??= { compress: snappyCompressor(), uncompress: snappyUncompressor() };
  return loaded;
}

/**
 * The header of xerial's snappy-java streams, in which Kafka's Java client writes: then two version numbers, then
 * chunks of a big-endian length and raw snappy. Most other clients write raw snappy, which the Java client reads too.
 */
const XERIAL_MAGIC = Buffer.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00);
const XERIAL_HEADER_BYTES = 16;

/** A copy of 64 bytes takes 3; a stream that declares to expand more is corrupt. */
const SNAPPY_MAX_EXPANSION = 22;

function decompressSnappy(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const chunks = XERIAL_MAGIC.equals(bytes.subarray(0, XERIAL_MAGIC.length)) ? xerialChunks(bytes) : [bytes];
  const lengths = chunks.map(declaredLength);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  if (total > maxBytes) throw tooLarge(maxBytes);
  const [first] = chunks;
  if (first !== undefined && chunks.length === 1) return uncompressRaw(first, total);

  const output = new Uint8Array(total);
  let position = 0;
  for (const [i, chunk] of chunks.entries()) {
    output.set(uncompressRaw(chunk, lengths[i]!), position);
    position += lengths[i]!;
  }
  return output;
}

function xerialChunks(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Uint8Array[] = [];
  let position = XERIAL_HEADER_BYTES;
  while (position < bytes.length) {
    if (position + 4 > bytes.length) throw corrupt('snappy');
    const length = view.getInt32(position);
    position += 4;
    if (length < 1 || length > bytes.length - position) throw corrupt('snappy');
    chunks.push(bytes.subarray(position, position + length));
    position += length;
  }
  return chunks;
}

/** The length at the head of raw snappy: an unsigned varint of 32 bits. */
function declaredLength(raw: Uint8Array): number {
  let length = 0;
  for (let i = 0; i < 5; i++) {
    const byte = raw[i];
    if (byte === undefined) break;
    length += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) {
      if (length > raw.length * SNAPPY_MAX_EXPANSION) break;
      return length;
    }
  }
  throw corrupt('snappy');
}

function uncompressRaw(raw: Uint8Array, length: number): Uint8Array {
  try {
    return snappy().uncompress(raw, length);
  } catch (error) {
    throw corrupt('snappy', error);
  }
}
