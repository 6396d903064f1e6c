import { Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Access, FunctionSpec } from '../functions/manifest.ts';
import type { CopyNames, RegionNames } from './clusterRegions.ts';
import { TABLES, type TableName, type WadiStorage } from './wadiStorage.ts';

type ByAccess = Readonly<Partial<Record<Access, readonly string[]>>>;

/** The calls that `lib/storage/aws/objects.ts` makes of an object. */
const OBJECT_ACTIONS: ByAccess = {
  read: ['s3:GetObject'],
  write: ['s3:PutObject'],
  delete: ['s3:DeleteObject'],
};

/**
 * Without it, S3 answers 403 where it would say 404, and a blob that is gone could not be told from a mistake
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, "Permissions").
 */
const BUCKET_READ_ACTION = 's3:ListBucket';

/** The calls that `lib/storage/aws/items.ts` makes, and `scan.ts`. */
const ITEM_ACTIONS = {
  read: ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'],
  write: ['dynamodb:PutItem', 'dynamodb:UpdateItem'],
  delete: ['dynamodb:DeleteItem'],
  scan: ['dynamodb:Scan'],
} satisfies ByAccess;

/** What S3 asks for beside when an object is put with a tag (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html). */
const TAG_ACTION = 's3:PutObjectTagging';

type StoresSpec = Pick<FunctionSpec, 'stores' | 'replicates'>;

/** What a function's access to the stores means in IAM: to the tables of its region (see `copyStatements` for others), and to the buckets of all. */
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

/**
 * What quotas are counted in, and nothing else of the log: `bucketKey` in lib/quota/quotaItem.ts. In a cluster of eventual consistency, in the
 * tables of whoever may be home, in whatever epoch (`epochPrefix` in lib/failover/epochItems.ts).
 */
export function countStatements({ log, isEventual, otherRegions }: WadiStorage): PolicyStatement[] {
  const tables = [log.tableArn, ...(isEventual ? otherRegions.map(({ tableArns }) => tableArns.log) : [])];
  const keys = ['spent/*', ...(isEventual ? ['e*/spent/*'] : [])];
  return tables.map((table) => ofItems(keys, ['dynamodb:PutItem'], table));
}

/** Of items with such partition keys alone. */
function ofItems(keys: string[], actions: string[], table: string): PolicyStatement {
  return new PolicyStatement({
    actions,
    resources: [table],
    conditions: {
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': keys },
      Null: { 'dynamodb:LeadingKeys': 'false' },
    },
  });
}

/**
 * What a function needs beside in a cluster of eventual consistency: any other region may be home, in whose tables it does then what it does
 * in its own; every copy says who is home; and who rolls a head looks into every other copy of the log.
 */
export function copyStatements(
  { stores, rolls, atHome }: Pick<FunctionSpec, 'stores' | 'rolls' | 'atHome'>,
  { isEventual, regions, otherRegions, witness }: WadiStorage,
): PolicyStatement[] {
  if (!isEventual) return [];
  const witnesses = witness ? [witness] : [];
  const toTables = ({ tableArns }: CopyNames, access: (table: TableName) => readonly Access[]) =>
    TABLES.flatMap((table) => statement(tableArns[table], actions(ITEM_ACTIONS, access(table))));
  return [
    ...otherRegions.flatMap((names) => toTables(names, (table) => (atHome ? [] : stores[table]))),
    // A failover may find the best copy there, but never makes it home.
    ...witnesses.flatMap((names) =>
      toTables(names, (table) => (stores[table].includes('scan') ? ['read', 'scan'] : [])),
    ),
    ...[...regions, ...witnesses].map(({ tableArns }) => ofItems(['home'], HOME, tableArns.metadata)),
    ...[...otherRegions, ...witnesses].flatMap(({ tableArns }) =>
      statement(tableArns.log, rolls ? ARRIVED : []),
    ),
  ];
}

/**
 * The calls of `lib/failover/`: of items `home`, which whoever reads them also writes, where regions do not agree; and of rows of which it is
 * asked whether they have arrived.
 */
const HOME = ['dynamodb:GetItem', 'dynamodb:PutItem'];
const ARRIVED = ['dynamodb:BatchGetItem'];

/** The key of another copy, with which its tables are used. */
export function copyKeyStatements({ region, keysArn, keyAlias }: CopyNames): PolicyStatement[] {
  return otherKey(['kms:Decrypt'], keysArn, `dynamodb.${region}.amazonaws.com`, keyAlias);
}

/** What S3 asks KMS for in the name of who calls it. */
const OBJECT_KEY_ACTIONS: ByAccess = {
  read: ['kms:Decrypt'],
  write: ['kms:GenerateDataKey'],
  delete: [],
};

/** What DynamoDB asks for, whatever the call: each table has a key that it made for itself, and which it decrypts. */
const ITEM_KEY_ACTIONS: ByAccess = {
  read: ['kms:Decrypt'],
  write: ['kms:Decrypt'],
  delete: ['kms:Decrypt'],
  scan: ['kms:Decrypt'],
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
  return otherKey(actions(OBJECT_KEY_ACTIONS, objects), keysArn, `s3.${region}.amazonaws.com`, keyAlias);
}

function otherKey(allowed: string[], keys: string, service: string, alias: string): PolicyStatement[] {
  return statement(keys, allowed).map((each) => {
    each.addCondition('StringEquals', { 'kms:ViaService': service });
    each.addCondition('ForAnyValue:StringEquals', { 'kms:ResourceAliases': alias });
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

function actions(of: ByAccess, access: readonly Access[]): string[] {
  return access.flatMap((each) => of[each] ?? []);
}

function statement(resource: string, allowed: string[]): PolicyStatement[] {
  return allowed.length === 0 ? [] : [new PolicyStatement({ actions: allowed, resources: [resource] })];
}
