import {
  CreateTableCommand,
  DynamoDBServiceException,
  ResourceInUseException,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, HeadBucketCommand, NotFound } from '@aws-sdk/client-s3';
import { type AwsOptions, dynamoDbClient, s3Client } from './aws.ts';

const TABLE_WAIT_SECONDS = 60;

/**
 * Makes the bucket and the tables that are missing, for LocalStack, emulators and laptops: what is deployed gets its
 * own from `cdk/`. Resolves when they can be used. Repeating it is harmless.
 */
export async function createAwsResources(options: AwsOptions): Promise<void> {
  const s3 = s3Client(options);
  const dynamodb = dynamoDbClient(options);

  const createBucket = async (Bucket: string) => {
    try {
      await s3.send(new HeadBucketCommand({ Bucket }));
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
      await s3.send(new CreateBucketCommand({ Bucket }));
    }
  };

  const createTable = async (TableName: string) => {
    const command = new CreateTableCommand({
      TableName,
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
      BillingMode: 'PAY_PER_REQUEST',
    });
    await dynamodb.send(command).catch((error) => {
      if (!(error instanceof ResourceInUseException)) throw error;
    });
    await waitUntilTableExists(
      { client: dynamodb, maxWaitTime: TABLE_WAIT_SECONDS, minDelay: 1 },
      { TableName },
    );
    const expiry = new UpdateTimeToLiveCommand({
      TableName,
      TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
    });
    await dynamodb.send(expiry).catch((error) => {
      // It is enabled already, or this emulator knows no expiry. Nothing rests on it but the bill.
      if (!(error instanceof DynamoDBServiceException)) throw error;
    });
  };

  try {
    await Promise.all([
      createBucket(options.bucket),
      createTable(options.logTable),
      createTable(options.metadataTable),
      createTable(options.groupsTable),
    ]);
  } finally {
    s3.destroy();
    dynamodb.destroy();
  }
}
