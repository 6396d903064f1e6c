import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import type { ObjectStore, Storage } from '../ports.ts';
import { noteAttempt, throwStorageErrors } from './failures.ts';
import { dynamoDbItems } from './items.ts';
import { s3Objects } from './objects.ts';

export interface AwsOptions {
  bucket: string;
  logTable: string;
  metadataTable: string;
  groupsTable: string;
  /** What is not given here, the SDK finds as always: environment, profile, role, `AWS_ENDPOINT_URL_*`. */
  region?: string;
  s3Endpoint?: string;
  dynamodbEndpoint?: string;
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
}

/** Storage in S3 and DynamoDB. The tables and the bucket must exist. */
export function awsStorage(options: AwsOptions): Storage {
  const s3 = s3Client(options);
  const { close, ...tables } = awsTables(options);
  return {
    objects: s3Objects(s3, options.bucket),
    ...tables,
    async close() {
      s3.destroy();
      await close();
    },
  };
}

/** Its objects alone, until the process ends. */
export function awsObjects(options: AwsOptions): ObjectStore {
  return s3Objects(s3Client(options), options.bucket);
}

/** Without objects: what has no use for S3 need not carry its client. */
export function awsTables(options: AwsOptions): Omit<Storage, 'objects'> {
  const client = dynamoDbClient(options);
  return {
    log: dynamoDbItems(client, options.logTable),
    metadata: dynamoDbItems(client, options.metadataTable),
    groups: dynamoDbItems(client, options.groupsTable),
    async close() {
      client.destroy();
    },
  };
}

/** A call that a front makes fits in its 30 s, tries included. */
const MAX_ATTEMPTS = 3;
const CONNECTION_TIMEOUT_MS = 2_000;
const DYNAMODB_TIMEOUT_MS = 3_000;
/** Longer than an item's: a blob is some megabytes. */
const S3_TIMEOUT_MS = 8_000;

export function s3Client({ s3Endpoint, ...options }: AwsOptions): S3Client {
  const client = new S3Client({
    ...shared(options, S3_TIMEOUT_MS),
    // An emulator's host name has no room for the bucket's.
    ...(s3Endpoint && { endpoint: s3Endpoint, forcePathStyle: true }),
  });
  // Retries take place between the two.
  client.middlewareStack.add(throwStorageErrors, { step: 'initialize', priority: 'high' });
  client.middlewareStack.add(noteAttempt, { step: 'finalizeRequest', priority: 'low' });
  return client;
}

export function dynamoDbClient({ dynamodbEndpoint, ...options }: AwsOptions): DynamoDBClient {
  const client = new DynamoDBClient({
    ...shared(options, DYNAMODB_TIMEOUT_MS),
    ...(dynamodbEndpoint && { endpoint: dynamodbEndpoint }),
  });
  // As above.
  client.middlewareStack.add(throwStorageErrors, { step: 'initialize', priority: 'high' });
  client.middlewareStack.add(noteAttempt, { step: 'finalizeRequest', priority: 'low' });
  return client;
}

function shared({ region, credentials }: Pick<AwsOptions, 'region' | 'credentials'>, timeoutMs: number) {
  const agent = { keepAlive: true, maxSockets: 256 };
  return {
    ...(region && { region }),
    ...(credentials && { credentials }),
    maxAttempts: MAX_ATTEMPTS,
    retryMode: 'standard',
    requestHandler: {
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      requestTimeout: timeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: timeoutMs,
      httpAgent: agent,
      httpsAgent: agent,
    },
  };
}
