import { awsStorage } from '../../lib/storage/aws/aws.ts';
import { createAwsResources } from '../../lib/storage/aws/resources.ts';
import { type DynamoDbKind, EMULATOR_ACCESS, startDynamoDb, startS3 } from '../support/emulators.ts';
import type { Fault } from './given.ts';
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
  describeStorage(
    `aws on ${kind} and fauxqs`,
    async () => {
      const options = {
        ...EMULATOR_ACCESS,
        bucket: `contract-${kind}`,
        logTable: 'log',
        metadataTable: 'metadata',
        groupsTable: 'groups',
        s3Endpoint: s3.endpoint,
        dynamodbEndpoint: dynamodb.endpoint,
      };
      await createAwsResources(options);
      return awsStorage(options);
    },
    FAULTS[kind],
  );
}
