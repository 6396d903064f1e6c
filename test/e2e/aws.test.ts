import { awsStorage } from '../../lib/storage/aws/aws.ts';
import { createAwsResources } from '../../lib/storage/aws/resources.ts';
import { type DynamoDbKind, EMULATOR_ACCESS, startDynamoDb, startS3 } from '../support/emulators.ts';
import { startClient } from './client.ts';
import { describeEndToEnd } from './endToEnd.ts';

const KINDS: readonly DynamoDbKind[] = ['dynalite', 'dynoxide', 'dynamodb-local'];

const s3 = await startS3();
afterAll(() => s3.stop());

for (const kind of KINDS) {
  const dynamodb = await startDynamoDb(kind);
  if ('unavailable' in dynamodb) {
    it.skip(`end to end on ${kind} did not run: ${dynamodb.unavailable}`, () => {});
    continue;
  }
  afterAll(() => dynamodb.stop());
  const options = {
    ...EMULATOR_ACCESS,
    bucket: `e2e-${kind}`,
    logTable: 'log',
    metadataTable: 'metadata',
    groupsTable: 'groups',
    s3Endpoint: s3.endpoint,
    dynamodbEndpoint: dynamodb.endpoint,
  };
  describeEndToEnd(`the AWS SDK, ${kind} and fauxqs`, async () => {
    await createAwsResources(options);
    return startClient({ storage: awsStorage(options) });
  });
}
