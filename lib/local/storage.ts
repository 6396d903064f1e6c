import { memoryStorage } from '../storage/memory/memory.ts';
import type { Storage } from '../storage/ports.ts';

export type StorageOptions =
  | { readonly kind: 'memory' }
  | { readonly kind: 'embedded'; readonly directory: string; readonly fsync?: boolean }
  | {
      readonly kind: 'aws';
      readonly bucket: string;
      readonly tablePrefix: string;
      readonly s3Endpoint?: string;
      readonly dynamodbEndpoint?: string;
    };

/** Opens it, and makes what is missing: the directory, or the bucket and the tables. */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  switch (options.kind) {
    case 'memory':
      return memoryStorage();
    case 'embedded': {
      const { embeddedStorage } = await import('../storage/embedded/embedded.ts');
      return embeddedStorage({ directory: options.directory, fsync: options.fsync ?? false });
    }
    case 'aws': {
      // The SDK takes a while to load, so only those wait for it who use it.
      const [{ awsStorage }, { createAwsResources }] = await Promise.all([
        import('../storage/aws/aws.ts'),
        import('../storage/aws/resources.ts'),
      ]);
      const { bucket, tablePrefix, s3Endpoint, dynamodbEndpoint } = options;
      const resources = {
        bucket,
        logTable: `${tablePrefix}log`,
        metadataTable: `${tablePrefix}metadata`,
        groupsTable: `${tablePrefix}groups`,
        ...(s3Endpoint !== undefined && { s3Endpoint }),
        ...(dynamodbEndpoint !== undefined && { dynamodbEndpoint }),
      };
      await createAwsResources(resources);
      return awsStorage(resources);
    }
  }
}
