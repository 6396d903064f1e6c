import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import type { Storage } from '../ports.ts';
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
  const { s3, dynamodb } = awsClients(options);
  return {
    objects: s3Objects(s3, options.bucket),
    log: dynamoDbItems(dynamodb, options.logTable),
    metadata: dynamoDbItems(dynamodb, options.metadataTable),
    groups: dynamoDbItems(dynamodb, options.groupsTable),
    async close() {
      s3.destroy();
      dynamodb.destroy();
    },
  };
}

/** A call that a front makes fits in its 30 s, tries included. */
const MAX_ATTEMPTS = 3;
const CONNECTION_TIMEOUT_MS = 2_000;
const DYNAMODB_TIMEOUT_MS = 3_000;
/** Longer than an item's: a blob is some megabytes. */
const S3_TIMEOUT_MS = 8_000;

export function awsClients({ region, credentials, s3Endpoint, dynamodbEndpoint }: AwsOptions) {
  const shared = {
    ...(region && { region }),
    ...(credentials && { credentials }),
    maxAttempts: MAX_ATTEMPTS,
    retryMode: 'standard',
  };
  const s3 = new S3Client({
    ...shared,
    requestHandler: connections(S3_TIMEOUT_MS),
    // An emulator's host name has no room for the bucket's.
    ...(s3Endpoint && { endpoint: s3Endpoint, forcePathStyle: true }),
  });
  const dynamodb = new DynamoDBClient({
    ...shared,
    requestHandler: connections(DYNAMODB_TIMEOUT_MS),
    ...(dynamodbEndpoint && { endpoint: dynamodbEndpoint }),
  });
  // Retries take place between the two.
  s3.middlewareStack.add(throwStorageErrors, { step: 'initialize', priority: 'high' });
  s3.middlewareStack.add(noteAttempt, { step: 'finalizeRequest', priority: 'low' });
  dynamodb.middlewareStack.add(throwStorageErrors, { step: 'initialize', priority: 'high' });
  dynamodb.middlewareStack.add(noteAttempt, { step: 'finalizeRequest', priority: 'low' });
  return { s3, dynamodb };
}

function connections(timeoutMs: number) {
  const agent = { keepAlive: true, maxSockets: 256 };
  return {
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: timeoutMs,
    throwOnRequestTimeout: true,
    socketTimeout: timeoutMs,
    httpAgent: agent,
    httpsAgent: agent,
  };
}
