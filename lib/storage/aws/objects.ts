import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { type ObjectStore, StorageError } from '../ports.ts';

/** What the bucket's replication rule looks for. */
export const REPLICATE_TAG = 'wadi-replicate=true';

export function s3Objects(client: S3Client, Bucket: string): ObjectStore {
  return {
    async put(key, chunks, { replicate = false } = {}) {
      const Body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      const Tagging = replicate && REPLICATE_TAG;
      await client.send(new PutObjectCommand({ Bucket, Key: key, Body, ...(Tagging && { Tagging }) }));
    },

    async get(key, range) {
      // HTTP cannot ask for no bytes.
      const Range = range && `bytes=${range.position}-${range.position + Math.max(range.length, 1) - 1}`;
      const command = new GetObjectCommand({ Bucket, Key: key, ...(Range && { Range }) });
      try {
        const { Body } = await client.send(command);
        const bytes = await Body!.transformToByteArray().catch((error) => {
          throw new StorageError('the answer broke off', 'no', error);
        });
        return range ? bytes.subarray(0, range.length) : bytes;
      } catch (error) {
        if (!(error instanceof S3ServiceException)) throw error;
        if (error.name === 'NoSuchKey') return undefined;
        if (error.$metadata.httpStatusCode === 416) return new Uint8Array();
        throw error;
      }
    },

    async list(prefix, { after, limit }) {
      const command = new ListObjectsV2Command({
        Bucket,
        Prefix: prefix,
        MaxKeys: limit,
        ...(after !== undefined && { StartAfter: after }),
      });
      const { Contents = [], IsTruncated } = await client.send(command);
      const objects = Contents.map(({ Key, Size }) => ({ key: Key!, bytes: Size! }));
      const last = objects.at(-1);
      return { objects, ...(IsTruncated && last && { next: last.key }) };
    },

    async delete(keys) {
      if (keys.length === 0) return;
      const command = new DeleteObjectsCommand({
        Bucket,
        Delete: { Objects: keys.map((Key) => ({ Key })), Quiet: true },
      });
      const { Errors = [] } = await client.send(command);
      if (Errors.length > 0) {
        throw new StorageError(
          `${Errors.length} of ${keys.length} objects are not deleted`,
          'unknown',
          Errors[0],
        );
      }
    },
  };
}
