import { xxHash32 } from 'js-xxhash';
import { WadiError } from '../errors.ts';

/**
 * LZ4 frames, as Kafka uses them since magic 1 (KIP-57).
 * Sources: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md and lz4_Block_format.md.
 *
 * Our own, because none of the packages will do: lz4js writes frames of dependent blocks, which Kafka's Java client
 * refuses, starts matches in the last 12 bytes of a block, and decodes without bounds; lz4-napi is native code;
 * @platformatic/wasm-utils takes 20 ms of a cold start, decodes without bounds, and its instance is broken for good
 * after some thousand corrupt inputs.
 */
const MAGIC = 0x184d2204;
const VERSION_1 = 0x40;
const INDEPENDENT_BLOCKS = 0x20;
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
/** A block that did not shrink is stored as it was. */
const STORED = 0x80000000;

/** The frame header we write: independent blocks of up to 64 KiB, no checksums (the batch has its CRC). */
const HEADER = Uint8Array.of(0x04, 0x22, 0x4d, 0x18, VERSION_1 | INDEPENDENT_BLOCKS, 0x40, 0x82);
const BLOCK_BYTES = 65_536;

const MIN_MATCH = 4;
const LAST_LITERALS = 5;
const LAST_MATCH_START = 12;
const HASH_BITS = 14;
/** No byte of a block stands for more than 255 of the output. */
const MAX_EXPANSION = 255;

// ---------------------------------------------------------------- compress

/** One LZ4 frame. */
export function compressLz4(input: Uint8Array): Uint8Array {
  const blocks = Math.ceil(input.length / BLOCK_BYTES);
  // A literal run costs a byte per 255; a block, its size field, its token and the rest of a length.
  const frame = new Uint8Array(
    HEADER.length + input.length + Math.ceil(input.length / MAX_EXPANSION) + blocks * 16 + 4,
  );
  const view = new DataView(frame.buffer);
  const table = new Int32Array(1 << HASH_BITS);
  frame.set(HEADER);
  let position = HEADER.length;
  for (let start = 0; start < input.length; start += BLOCK_BYTES) {
    const block = input.subarray(start, start + BLOCK_BYTES);
    let size = compressBlock(block, frame, position + 4, table) - (position + 4);
    if (size < block.length) {
      view.setUint32(position, size, true);
    } else {
      size = block.length;
      view.setUint32(position, size + STORED, true);
      frame.set(block, position + 4);
    }
    position += 4 + size;
  }
  // The mark that ends it, where a block that did not shrink may have left something.
  view.setUint32(position, 0);
  return frame.subarray(0, position + 4);
}

/** Writes `block` compressed at `position` of `output`, and returns the position after it. */
function compressBlock(block: Uint8Array, output: Uint8Array, position: number, table: Int32Array): number {
  const lastMatchStart = block.length - LAST_MATCH_START;
  const matchEnd = block.length - LAST_LITERALS;
  // Where a hash was seen last, plus one.
  table.fill(0);
  let literals = 0;
  let misses = 0;
  let at = 0;
  while (at <= lastMatchStart) {
    const hash = Math.imul(uint32(block, at), 0x9e3779b1) >>> (32 - HASH_BITS);
    const candidate = table[hash]! - 1;
    table[hash] = at + 1;
    if (candidate < 0 || uint32(block, candidate) !== uint32(block, at)) {
      // What does not compress is skipped ever faster.
      at += 1 + (misses++ >>> 6);
      continue;
    }
    misses = 0;
    let length = MIN_MATCH;
    while (at + length < matchEnd && block[candidate + length] === block[at + length]) length++;
    position = writeLiterals(block, literals, at, length - MIN_MATCH, output, position);
    const offset = at - candidate;
    output[position++] = offset;
    output[position++] = offset >>> 8;
    position = writeLength(length - MIN_MATCH, output, position);
    at += length;
    literals = at;
  }
  return writeLiterals(block, literals, block.length, 0, output, position);
}

function uint32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** Writes the token of a sequence and its literals. */
function writeLiterals(
  block: Uint8Array,
  start: number,
  end: number,
  matchLength: number,
  output: Uint8Array,
  position: number,
): number {
  const length = end - start;
  output[position++] = (Math.min(length, 15) << 4) | Math.min(matchLength, 15);
  position = writeLength(length, output, position);
  for (let at = start; at < end; at++) output[position++] = block[at]!;
  return position;
}

/** Writes what of a length did not fit the four bits of the token. */
function writeLength(length: number, output: Uint8Array, position: number): number {
  if (length < 15) return position;
  let rest = length - 15;
  for (; rest >= 255; rest -= 255) output[position++] = 255;
  output[position++] = rest;
  return position;
}

// ---------------------------------------------------------------- decompress

function corrupt(what: string): WadiError {
  return new WadiError('CORRUPT_MESSAGE', `The LZ4 frame ${what}`);
}

interface Frame {
  /** No block holds more than this. */
  readonly blockBytes: number;
  readonly blockChecksums: boolean;
  readonly contentChecksum: boolean;
  readonly contentSize: number | undefined;
  /** Of the first block. */
  readonly position: number;
}

interface Block {
  readonly stored: boolean;
  readonly bytes: Uint8Array;
}

/**
 * The content of one frame. Takes the options of a frame that Kafka's Java client takes (Lz4BlockInputStream), so
 * nothing is stored that it could not read, and verifies all checksums there are. Throws CORRUPT_MESSAGE, or
 * MESSAGE_TOO_LARGE above `maxBytes`; allocates no more than that, nor than 255 times the input.
 */
export function decompressLz4(input: Uint8Array, maxBytes: number): Uint8Array {
  const frame = readFrame(input);
  const { blocks, position } = readBlocks(input, frame);
  const most = blocks.reduce((sum, block) => sum + mostBytes(block, frame.blockBytes), 0);
  const output = new Uint8Array(Math.min(maxBytes, most));
  let written = 0;
  for (const { stored, bytes } of blocks) {
    const limit = Math.min(output.length, written + frame.blockBytes);
    const after = stored ? copyBlock(bytes, output, written) : decompressBlock(bytes, output, written, limit);
    if (after === undefined) {
      if (limit < maxBytes) throw corrupt('has a block above its block size');
      throw new WadiError('MESSAGE_TOO_LARGE', `The records decompress to more than ${maxBytes} bytes`);
    }
    written = after;
  }
  const content = output.subarray(0, written);
  if (frame.contentSize !== undefined && frame.contentSize !== written)
    throw corrupt('has a wrong content size');
  let end = position;
  if (frame.contentChecksum) {
    if (readUint32(input, end) !== xxHash32(content)) throw corrupt('has a wrong checksum');
    end += 4;
  }
  if (end !== input.length) throw corrupt('has bytes after its end');
  return content;
}

function readUint32(input: Uint8Array, position: number): number {
  if (position + 4 > input.length) throw corrupt('is cut off');
  return uint32(input, position) >>> 0;
}

function readFrame(input: Uint8Array): Frame {
  if (readUint32(input, 0) !== MAGIC) throw corrupt('has a wrong magic number');
  const descriptor = readUint32(input, 3) >>> 8;
  const flags = descriptor & 0xff;
  const blockSize = (descriptor >>> 8) & 0xff;
  const options = BLOCK_CHECKSUM | CONTENT_SIZE | CONTENT_CHECKSUM;
  if ((flags & ~options) !== (VERSION_1 | INDEPENDENT_BLOCKS)) {
    throw corrupt('is not of version 1 with independent blocks and no dictionary');
  }
  if ((blockSize & 0x8f) !== 0 || blockSize < 0x40) throw corrupt('has an unknown block size');

  const hasSize = (flags & CONTENT_SIZE) !== 0;
  const contentSize = hasSize ? readUint32(input, 6) + readUint32(input, 10) * 2 ** 32 : undefined;
  const end = hasSize ? 14 : 6;
  if (((xxHash32(input.subarray(4, end)) >>> 8) & 0xff) !== input[end])
    throw corrupt('has a wrong header checksum');
  return {
    blockBytes: 2 ** (2 * (blockSize >>> 4) + 8),
    blockChecksums: (flags & BLOCK_CHECKSUM) !== 0,
    contentChecksum: (flags & CONTENT_CHECKSUM) !== 0,
    contentSize,
    position: end + 1,
  };
}

/** The blocks of a frame, and the position after the mark that ends them. */
function readBlocks(input: Uint8Array, frame: Frame): { blocks: Block[]; position: number } {
  const blocks: Block[] = [];
  let { position } = frame;
  for (;;) {
    const field = readUint32(input, position);
    position += 4;
    if (field === 0) return { blocks, position };
    const stored = field >= STORED;
    const bytes = input.subarray(position, position + (field % STORED));
    if (bytes.length < field % STORED) throw corrupt('is cut off');
    if (bytes.length > frame.blockBytes) throw corrupt('has a block above its block size');
    position += bytes.length;
    if (frame.blockChecksums) {
      if (readUint32(input, position) !== xxHash32(bytes)) throw corrupt('has a block with a wrong checksum');
      position += 4;
    }
    blocks.push({ stored, bytes });
  }
}

function mostBytes({ stored, bytes }: Block, blockBytes: number): number {
  return stored ? bytes.length : Math.min(blockBytes, bytes.length * MAX_EXPANSION);
}

function copyBlock(block: Uint8Array, output: Uint8Array, position: number): number | undefined {
  if (block.length > output.length - position) return undefined;
  output.set(block, position);
  return position + block.length;
}

/**
 * Decompresses one block to `output` from `start` on, and returns the position after it; `undefined` if it would
 * pass `limit`.
 */
function decompressBlock(
  block: Uint8Array,
  output: Uint8Array,
  start: number,
  limit: number,
): number | undefined {
  let at = 0;
  let position = start;
  while (at < block.length) {
    const token = block[at++]!;

    let length = token >>> 4;
    if (length === 15) {
      let more: number | undefined;
      do {
        more = block[at++];
        if (more === undefined) throw corrupt('has a block that is cut off');
        length += more;
      } while (more === 255);
    }
    if (length > block.length - at) throw corrupt('has a block that is cut off');
    if (length > limit - position) return undefined;
    if (length > 32) output.set(block.subarray(at, at + length), position);
    else for (let i = 0; i < length; i++) output[position + i] = block[at + i]!;
    at += length;
    position += length;
    // Only the last sequence has no match.
    if (at === block.length) return position;

    if (at + 2 > block.length) throw corrupt('has a block that is cut off');
    const offset = block[at]! | (block[at + 1]! << 8);
    at += 2;
    if (offset === 0 || offset > position - start) throw corrupt('has a match before its block');
    length = (token & 15) + MIN_MATCH;
    if (length === 15 + MIN_MATCH) {
      let more: number | undefined;
      do {
        more = block[at++];
        if (more === undefined) throw corrupt('has a block that is cut off');
        length += more;
      } while (more === 255);
    }
    if (length > limit - position) return undefined;
    if (length > 32 && offset >= length)
      output.copyWithin(position, position - offset, position - offset + length);
    else for (let end = position + length, i = position; i < end; i++) output[i] = output[i - offset]!;
    position += length;
  }
  throw corrupt('has a block that ends with a match');
}
