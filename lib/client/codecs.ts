import * as zlib from 'node:zlib';
import { snappyCompressor } from 'hysnappy';
import { compressLz4 } from '../record/lz4.ts';
import { refusal } from './clientError.ts';
import type { Compress } from './producer/compress.ts';

let snappy: ReturnType<typeof snappyCompressor> | undefined;

/** All codecs, in Node: for the producer's option of that name. */
export const compress: Compress = (codec, bytes) => {
  switch (codec) {
    case 'none':
      return bytes;
    case 'gzip':
      return zlib.gzipSync(bytes);
    case 'snappy':
      snappy ??= snappyCompressor();
      return snappy(bytes);
    case 'lz4':
      return compressLz4(bytes);
    case 'zstd':
      // Not in Node 20.
      if (zlib.zstdCompressSync !== undefined) return zlib.zstdCompressSync(bytes);
      throw refusal('UNSUPPORTED_COMPRESSION_TYPE', 'zstd needs Node 22.15 or later', 'compressionType');
  }
};
