import type { CompressionCodec } from '../../record/record.ts';
import { refusal } from '../clientError.ts';

/** `compress` of codecs.ts is one, for Node. */
export type Compress = (codec: CompressionCodec, bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>;

/** What browsers have, too: gzip, by the Compression Streams standard. */
export const compressAsWeb: Compress = async (codec, bytes) => {
  if (codec !== 'gzip') {
    throw refusal('UNSUPPORTED_COMPRESSION_TYPE', `${codec} needs the option compress`, 'compressionType');
  }
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>])
    .stream()
    .pipeThrough(new CompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
};
