import { Duration, Fn, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AttributeType, Billing, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';

/** A cluster's state, under the names of `Storage` in lib/storage/ports.ts. It outlives the stack that made it. */
export class WadiStorage extends Construct {
  readonly objects: Bucket;
  readonly log: TableV2;
  readonly metadata: TableV2;
  readonly groups: TableV2;
  /**
   * As old as the tables: of the stack's own id, which is never used twice, and of this construct's place in it.
   * That the functions are told it saves each of them a read, and the right to write it down.
   */
  readonly clusterId: string;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.objects = new Bucket(this, 'Objects', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      lifecycleRules: [{ abortIncompleteMultipartUploadAfter: Duration.days(1) }],
      removalPolicy: RemovalPolicy.RETAIN,
    });
    this.log = table(this, 'Log');
    this.metadata = table(this, 'Metadata');
    this.groups = table(this, 'Groups');
    const stackUuid = Fn.select(2, Fn.split('/', Stack.of(this).stackId));
    this.clusterId = `${stackUuid}-${this.node.addr.slice(-8)}`;
  }
}

/** A global table of one replica: others can join without its being replaced. */
function table(scope: Construct, id: string): TableV2 {
  return new TableV2(scope, id, {
    partitionKey: { name: 'pk', type: AttributeType.STRING },
    sortKey: { name: 'sk', type: AttributeType.STRING },
    billing: Billing.onDemand(),
    timeToLiveAttribute: 'expiresAt',
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    deletionProtection: true,
    removalPolicy: RemovalPolicy.RETAIN,
  });
}
