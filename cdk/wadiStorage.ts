import { Duration, Fn, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { ITableV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { Role } from 'aws-cdk-lib/aws-iam';
import type { Key } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { clusterKey } from './clusterKey.ts';
import {
  type ClusterRegions,
  type CopyNames,
  copyNames,
  keyAlias,
  type RegionNames,
  regionalClusterId,
  regionNames,
} from './clusterRegions.ts';
import { replicatedTables } from './replicatedTables.ts';
import { replicationRole } from './replicationRole.ts';
import { keepExports, tablesOf, tellChanges } from './tables.ts';

/** Under the names of `Storage` in lib/storage/ports.ts. */
export const TABLES = ['log', 'metadata', 'groups'] as const;
export type TableName = (typeof TABLES)[number];
export type Tables = Readonly<Record<TableName, ClusterTable>>;

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
  /**
   * Of a cluster of several regions, which has a storage in each, in a stack of that region. The stack of the first is deployed after those
   * of the others (and, of eventual consistency, that of the witness's key), whose keys its tables are encrypted with; functions come after all of them. It has no `name` and no `restoredTables`.
   */
  readonly regions?: ClusterRegions;
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
   * That the functions are told it saves each of them a read, and the right to write it down. Of several regions, the same in all.
   */
  readonly clusterId: string;
  /** Of a cluster of several regions: all of them, in their order. */
  readonly regions: readonly RegionNames[];
  readonly otherRegions: readonly RegionNames[];
  /** Of one of eventual consistency, in which each region's tables are a copy by itself, and any region may be home. */
  readonly isEventual: boolean;
  /** Of one of eventual consistency: who has a copy of the tables, and nothing else. */
  readonly witness: CopyNames | undefined;
  /** Of a cluster of several regions: what its resources are named after. */
  readonly clusterName: string | undefined;
  /** The log table that this made: of several regions, in the first. */
  private readonly ownLog: TableV2 | undefined;
  private readonly isRestored: boolean;
  /** Of a cluster of several regions: as whom S3 brings objects to the others. */
  readonly replicationRole: Role | undefined;

  constructor(scope: Construct, id: string, props: WadiStorageProps = {}) {
    super(scope, id);
    const { customerKey = true, restoreWindow = Duration.days(7), restoredTables, name, regions } = props;
    if (regions && (name || restoredTables)) {
      throw new Error('a cluster of several regions has neither a name of its storage nor restoredTables');
    }
    const days = restoreWindow.toDays();
    const { region } = Stack.of(this);
    this.regions = regions ? regionNames(this, regions) : [];
    this.otherRegions = this.regions.filter((each) => each.region !== region);
    this.isEventual = regions?.consistency === 'eventual';
    this.witness =
      this.isEventual && regions?.witness ? copyNames(this, regions.name, regions.witness) : undefined;
    const own = this.regions.find((each) => each.region === region);
    if (regions && !own) throw new Error(`the stack's region is none of ${regions.all.join(', ')}`);
    this.key = customerKey ? clusterKey(this, 'Key', regions && keyAlias(regions.name)) : undefined;
    this.objects = bucket(this, 'Objects', days, this.key, own?.bucketName ?? name);
    this.replicationRole = own && replicationRole(this, 'Replication', this);
    const tables = regions
      ? replicatedTables(this, regions, days, this.key)
      : tablesOf(this, { days, restoredTables, name, key: this.key });
    this.log = tables.log;
    this.metadata = tables.metadata;
    this.groups = tables.groups;
    this.ownLog = tables.ownLog;
    this.isRestored = restoredTables !== undefined;
    this.clusterName = regions?.name;
    const stackUuid = Fn.select(2, Fn.split('/', Stack.of(this).stackId));
    this.clusterId = regions ? regionalClusterId(this, regions) : `${stackUuid}-${this.node.addr.slice(-8)}`;
  }

  /**
   * The ARN of the stream of changes of the log table, which has one from then on. `undefined` where it is not known: of several regions in all but the first, and of restored tables.
   */
  logStreamArn(): string | undefined {
    const { ownLog } = this;
    if (ownLog === undefined) return undefined;
    if (this.clusterName === undefined) tellChanges(ownLog);
    const arn = ownLog.tableStreamArn!;
    if (!this.isRestored) return arn;
    // As of what else the functions' stack has used.
    keepExports(this, [arn]);
    return undefined;
  }

  /** Of a cluster of eventual consistency: who else has a copy of the tables. */
  get otherCopies(): readonly CopyNames[] {
    if (!this.isEventual) return [];
    return [...this.otherRegions, ...(this.witness ? [this.witness] : [])];
  }
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
      "The API's access log has who asked Wadi for what. Whoever has rights to the bucket itself is not in there; for them CloudTrail's data events are recommended, which are complete, where S3's own log is best effort",
  });
  return made;
}
