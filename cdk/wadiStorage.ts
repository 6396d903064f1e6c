import { Duration, Fn, RemovalPolicy, Stack } from 'aws-cdk-lib';
import {
  AttributeType,
  Billing,
  type CfnGlobalTable,
  type ITableV2,
  TableV2,
} from 'aws-cdk-lib/aws-dynamodb';
import type { Key } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { clusterKey } from './clusterKey.ts';

/** Under the names of `Storage` in lib/storage/ports.ts. */
export const TABLES = ['log', 'metadata', 'groups'] as const;
export type TableName = (typeof TABLES)[number];

/** What the rest of the cluster asks of a table. */
export type ClusterTable = Pick<ITableV2, 'tableName' | 'tableArn' | 'metric'>;

export interface WadiStorageProps {
  /**
   * Whether all that the cluster keeps is encrypted with a KMS key of the account's own, which is rotated every year ($1 a month, and
   * some cents per million requests); else with keys of AWS, for nothing. True unless given. It may be turned on later, but not off
   * again: without the rights to the key, nobody could read the objects that were written meanwhile.
   */
  readonly customerKey?: boolean;
  /**
   * How far back the cluster can be taken: whole days, 1 to 35; 7 unless given. Tables are backed up continuously, and objects
   * that maintenance deletes are kept so long, and a day more.
   */
  readonly restoreWindow?: Duration;
  /** Names of tables that take the place of the cluster's own, which stay where they are: those that were restored from its backup. */
  readonly restoredTables?: Readonly<Record<TableName, string>>;
  /** Of the bucket, and with `-log` and so on of the tables. Made up unless given; it cannot be changed without losing the state. */
  readonly name?: string;
}

/** A cluster's state: it outlives the stack that made it, and nothing that can be replaced is in here. */
export class WadiStorage extends Construct {
  readonly objects: Bucket;
  readonly log: ClusterTable;
  readonly metadata: ClusterTable;
  readonly groups: ClusterTable;
  /** With which all of the cluster is encrypted; `undefined` if AWS's keys do. */
  readonly key: Key | undefined;
  /**
   * As old as the tables: of the stack's own id, which is never used twice, and of this construct's place in it.
   * That the functions are told it saves each of them a read, and the right to write it down.
   */
  readonly clusterId: string;

  constructor(scope: Construct, id: string, props: WadiStorageProps = {}) {
    super(scope, id);
    const { customerKey = true, restoreWindow = Duration.days(7), restoredTables, name } = props;
    const days = restoreWindow.toDays();
    this.key = customerKey ? clusterKey(this, 'Key') : undefined;
    this.objects = bucket(this, 'Objects', days, this.key, name);
    const own = (id: string, table: TableName) =>
      tableOf(this, id, days, this.key, name && `${name}-${table}`);
    const tables = {
      log: own('Log', 'log'),
      metadata: own('Metadata', 'metadata'),
      groups: own('Groups', 'groups'),
    };
    // The functions' stack still has the old names when this one is deployed, and exports in use cannot be taken away.
    if (restoredTables)
      for (const { tableName, tableArn } of Object.values(tables)) keepExports(this, [tableName, tableArn]);
    const used = (table: TableName): ClusterTable =>
      restoredTables
        ? TableV2.fromTableName(this, `Restored-${table}`, restoredTables[table])
        : tables[table];
    this.log = used('log');
    this.metadata = used('metadata');
    this.groups = used('groups');
    const stackUuid = Fn.select(2, Fn.split('/', Stack.of(this).stackId));
    this.clusterId = `${stackUuid}-${this.node.addr.slice(-8)}`;
  }
}

function keepExports(scope: Construct, values: readonly string[]): void {
  for (const value of values) Stack.of(scope).exportValue(value);
}

function bucket(scope: Construct, id: string, days: number, key?: Key, name?: string): Bucket {
  const made = new Bucket(scope, id, {
    ...(name && { bucketName: name }),
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    // Without a bucket key, each PUT and GET would be a request to KMS as well.
    ...(key
      ? { encryption: BucketEncryption.KMS, encryptionKey: key, bucketKeyEnabled: true }
      : { encryption: BucketEncryption.S3_MANAGED }),
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    // No object is ever overwritten, so a former version is one that maintenance has deleted: what a table of some days ago needs.
    versioned: true,
    lifecycleRules: [
      { abortIncompleteMultipartUploadAfter: Duration.days(1) },
      // A restore takes a while, too.
      { noncurrentVersionExpiration: Duration.days(days + 1), expiredObjectDeleteMarker: true },
    ],
    removalPolicy: RemovalPolicy.RETAIN,
  });
  acknowledge(made, {
    'AwsSolutions-S1':
      'Functions alone use the bucket, and the access log of the API has each of their calls; a second one of S3 would cost a PUT for each GET',
  });
  return made;
}

/** A global table of one replica: others can join without its being replaced. */
function tableOf(scope: Construct, id: string, days: number, key?: Key, name?: string): TableV2 {
  const table = new TableV2(scope, id, {
    ...(name && { tableName: name }),
    partitionKey: { name: 'pk', type: AttributeType.STRING },
    sortKey: { name: 'sk', type: AttributeType.STRING },
    billing: Billing.onDemand(),
    timeToLiveAttribute: 'expiresAt',
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true, recoveryPeriodInDays: days },
    deletionProtection: true,
    removalPolicy: RemovalPolicy.RETAIN,
  });
  if (key) encrypt(table, key);
  return table;
}

/** What `TableEncryptionV2.customerManagedKey` does, but also in a stack of which the region is not known yet. */
function encrypt(table: TableV2, key: Key): void {
  const resource = table.node.defaultChild as CfnGlobalTable;
  resource.sseSpecification = { sseEnabled: true, sseType: 'KMS' };
  resource.addPropertyOverride('Replicas.0.SSESpecification.KMSMasterKeyId', key.keyArn);
}
