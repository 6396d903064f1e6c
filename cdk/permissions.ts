import { Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Access, FunctionSpec } from '../functions/manifest.ts';
import type { RegionNames } from './clusterRegions.ts';
import type { WadiStorage } from './wadiStorage.ts';

/** The calls that `lib/storage/aws/objects.ts` makes of an object. */
const OBJECT_ACTIONS: Readonly<Record<Access, readonly string[]>> = {
  read: ['s3:GetObject'],
  write: ['s3:PutObject'],
  delete: ['s3:DeleteObject'],
};

/**
 * Without it, S3 answers 403 where it would say 404, and a blob that is gone could not be told from a mistake
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, "Permissions").
 */
const BUCKET_READ_ACTION = 's3:ListBucket';

/** The calls that `lib/storage/aws/items.ts` makes. */
const ITEM_ACTIONS: Readonly<Record<Access, readonly string[]>> = {
  read: ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'],
  write: ['dynamodb:PutItem', 'dynamodb:UpdateItem'],
  delete: ['dynamodb:DeleteItem'],
};

/** What S3 asks for beside when an object is put with a tag (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html). */
const TAG_ACTION = 's3:PutObjectTagging';

type StoresSpec = Pick<FunctionSpec, 'stores' | 'replicates'>;

/** What a function's access to the stores means in IAM: to the tables of its region, and to the buckets of all. */
export function storeStatements(spec: StoresSpec, storage: WadiStorage): PolicyStatement[] {
  const { stores, replicates = false } = spec;
  const { objects, log, metadata, groups, otherRegions } = storage;
  const ofObjects = (bucketArn: string) => [
    ...statement(`${bucketArn}/*`, [
      ...actions(OBJECT_ACTIONS, stores.objects),
      ...(replicates && otherRegions.length > 0 ? [TAG_ACTION] : []),
    ]),
    ...statement(bucketArn, stores.objects.includes('read') ? [BUCKET_READ_ACTION] : []),
  ];
  return [
    ...ofObjects(objects.bucketArn),
    ...otherRegions.flatMap(({ bucketArn }) => ofObjects(bucketArn)),
    ...statement(log.tableArn, actions(ITEM_ACTIONS, stores.log)),
    ...statement(metadata.tableArn, actions(ITEM_ACTIONS, stores.metadata)),
    ...statement(groups.tableArn, actions(ITEM_ACTIONS, stores.groups)),
  ];
}

/** What quotas are counted in, and nothing else of the log: `bucketKey` in lib/quota/quotaItem.ts. */
export function countStatement({ log }: WadiStorage): PolicyStatement {
  return new PolicyStatement({
    actions: ['dynamodb:PutItem'],
    resources: [log.tableArn],
    conditions: {
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['spent/*'] },
      Null: { 'dynamodb:LeadingKeys': 'false' },
    },
  });
}

/** What S3 asks KMS for in the name of who calls it. */
const OBJECT_KEY_ACTIONS: Readonly<Record<Access, readonly string[]>> = {
  read: ['kms:Decrypt'],
  write: ['kms:GenerateDataKey'],
  delete: [],
};

/** What DynamoDB asks for, whatever the call: each table has a key that it made for itself, and which it decrypts. */
const ITEM_KEY_ACTIONS: Readonly<Record<Access, readonly string[]>> = {
  read: ['kms:Decrypt'],
  write: ['kms:Decrypt'],
  delete: ['kms:Decrypt'],
};

/** What SQS asks for: who sends must be able to check what it is given to encrypt with. */
const QUEUE_KEY_ACTIONS: Readonly<Record<QueueUse | 'receive', readonly string[]>> = {
  send: ['kms:GenerateDataKey', 'kms:Decrypt'],
  measure: [],
  receive: ['kms:Decrypt'],
};

/**
 * What a function's access to stores and queue means for the key that they are encrypted with. Each use is allowed through its service
 * alone: who may decrypt items cannot decrypt objects with that.
 */
export function keyStatements(
  { stores: { objects, ...tables } }: Pick<FunctionSpec, 'stores'>,
  queue: readonly (QueueUse | 'receive')[],
  key: IKey,
): PolicyStatement[] {
  const through = (service: string, allowed: string[]) =>
    statement(key.keyArn, [...new Set(allowed)]).map((each) => {
      each.addCondition('StringEquals', {
        'kms:ViaService': `${service}.${Stack.of(key).region}.amazonaws.com`,
      });
      return each;
    });
  return [
    ...through('s3', actions(OBJECT_KEY_ACTIONS, objects)),
    ...through('dynamodb', actions(ITEM_KEY_ACTIONS, Object.values(tables).flat())),
    ...through(
      'sqs',
      queue.flatMap((use) => QUEUE_KEY_ACTIONS[use]),
    ),
  ];
}

/** The same of the key of another region, with which that region's bucket alone is used. */
export function otherKeyStatements(
  { stores: { objects } }: Pick<FunctionSpec, 'stores'>,
  { region, keysArn, keyAlias }: RegionNames,
): PolicyStatement[] {
  return statement(keysArn, actions(OBJECT_KEY_ACTIONS, objects)).map((each) => {
    each.addCondition('StringEquals', { 'kms:ViaService': `s3.${region}.amazonaws.com` });
    each.addCondition('ForAnyValue:StringEquals', { 'kms:ResourceAliases': keyAlias });
    return each;
  });
}

type QueueUse = NonNullable<FunctionSpec['queue']>[number];

/** The calls that `lib/queue/sqs.ts` makes; SendMessageBatch is allowed as SendMessage. */
const QUEUE_ACTIONS = { send: 'sqs:SendMessage', measure: 'sqs:GetQueueAttributes' } as const;

/** What a function's use of the queue means in IAM. */
export function queueStatements(uses: FunctionSpec['queue'] = [], queue: IQueue): PolicyStatement[] {
  const actions = uses.map((use) => QUEUE_ACTIONS[use]);
  return statement(queue.queueArn, actions);
}

/**
 * The calls that Lambda makes in the name of a function that it hands messages to
 * (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html, "Execution role permissions").
 */
export function receiveStatement(queue: IQueue): PolicyStatement {
  return new PolicyStatement({
    actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
    resources: [queue.queueArn],
  });
}

function actions(of: Readonly<Record<Access, readonly string[]>>, access: readonly Access[]): string[] {
  return access.flatMap((each) => of[each]);
}

function statement(resource: string, allowed: string[]): PolicyStatement[] {
  return allowed.length === 0 ? [] : [new PolicyStatement({ actions: allowed, resources: [resource] })];
}
