import { awsStorage, dynamoDbClient } from '../../lib/storage/aws/aws.ts';
import { createAwsResources } from '../../lib/storage/aws/resources.ts';
import { scannableItems } from '../../lib/storage/aws/scan.ts';
import { type DynamoDbKind, EMULATOR_ACCESS, startDynamoDb, startS3 } from '../support/emulators.ts';
import type { Fault } from './given.ts';
import { describeScans } from './scans.ts';
import { describeStorage } from './storage.ts';

const s3 = await startS3();
afterAll(() => s3.stop());

const FAULTS: Record<DynamoDbKind, Fault[]> = {
  dynalite: ['inherited names', 'key order'],
  dynoxide: ['remove below nothing', 'key order'],
  'dynamodb-local': ['key order'],
};

for (const kind of Object.keys(FAULTS) as DynamoDbKind[]) {
  const dynamodb = await startDynamoDb(kind);
  if ('unavailable' in dynamodb) {
    it.skip(`aws on ${kind}: the storage contract did not run: ${dynamodb.unavailable}`, () => {});
    continue;
  }
  afterAll(() => dynamodb.stop());
  const options = {
    ...EMULATOR_ACCESS,
    s3Endpoint: s3.endpoint,
    dynamodbEndpoint: dynamodb.endpoint,
  };
  const tables = (prefix: string) => ({
    logTable: `${prefix}log`,
    metadataTable: `${prefix}metadata`,
    groupsTable: `${prefix}groups`,
  });
  describeStorage(
    `aws on ${kind} and fauxqs`,
    async () => {
      const all = { ...options, ...tables(''), bucket: `contract-${kind}` };
      await createAwsResources(all);
      return awsStorage(all);
    },
    FAULTS[kind],
  );
  describeScans(`aws on ${kind}`, async () => {
    const all = { ...options, ...tables('scans-'), bucket: `scans-${kind}` };
    await createAwsResources(all);
    const client = dynamoDbClient(all);
    return {
      items: scannableItems(client, all.logTable),
      close: async () => client.destroy(),
    };
  });
}
