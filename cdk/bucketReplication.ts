import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { AwsCustomResource, AwsCustomResourcePolicy, PhysicalResourceId } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import { REPLICATE_TAG } from '../lib/storage/aws/objects.ts';
import { acknowledge } from './acknowledge.ts';
import { ruleTo } from './clusterRegions.ts';
import type { WadiStorage } from './wadiStorage.ts';

/**
 * The rules by which S3 brings what acks=1 has put into the bucket of this region to those of the others, within 15 minutes. They are no
 * property of the bucket, since S3 refuses a rule to a bucket that is not there, and each bucket has rules to all others; so they are put
 * when all are there, and stay when this goes.
 */
export class BucketReplication extends Construct {
  constructor(scope: Construct, id: string, { storage }: { readonly storage: WadiStorage }) {
    super(scope, id);
    const { objects, key, replicationRole: role } = storage;
    if (!role) throw new Error('one region has nothing to replicate to');
    new AwsCustomResource(this, 'Rules', {
      resourceType: 'Custom::BucketReplication',
      onUpdate: {
        service: 'S3',
        action: 'PutBucketReplication',
        parameters: {
          Bucket: objects.bucketName,
          ReplicationConfiguration: { Role: role.roleArn, Rules: rulesOf(storage) },
        },
        physicalResourceId: PhysicalResourceId.of('replication'),
      },
      policy: AwsCustomResourcePolicy.fromStatements([
        new PolicyStatement({ actions: ['s3:PutReplicationConfiguration'], resources: [objects.bucketArn] }),
        new PolicyStatement({
          actions: ['iam:PassRole'],
          resources: [role.roleArn],
          conditions: { StringEquals: { 'iam:PassedToService': 's3.amazonaws.com' } },
        }),
      ]),
      timeout: Duration.minutes(1),
      logGroup: new LogGroup(this, 'Logs', {
        retention: RetentionDays.ONE_MONTH,
        ...(key && { encryptionKey: key }),
        removalPolicy: RemovalPolicy.DESTROY,
      }),
      memorySize: 256,
      installLatestAwsSdk: false,
    });
    // The CDK makes one function for all of a stack.
    const provider = `AWS${AwsCustomResource.PROVIDER_FUNCTION_UUID.replaceAll('-', '')}`;
    acknowledge(Stack.of(this).node.findChild(provider), {
      'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]':
        'It is made by the CDK, and runs in deployments alone',
      'Serverless-LambdaDLQ': 'CloudFormation is told of a failure',
      'Serverless-LambdaTracing': 'It makes one call',
    });
  }
}

const IN_TIME = { Minutes: 15 };

/** As PutBucketReplication takes them. */
function rulesOf({ otherRegions, key }: WadiStorage): readonly object[] {
  const [Key, Value] = REPLICATE_TAG.split('=');
  return otherRegions.map(({ region, bucketArn, keyAliasArn }, i) => ({
    ID: ruleTo(region),
    Status: 'Enabled',
    Priority: i + 1,
    Filter: { Tag: { Key, Value } },
    // Garbage is collected in each region by itself.
    DeleteMarkerReplication: { Status: 'Disabled' },
    ...(key && { SourceSelectionCriteria: { SseKmsEncryptedObjects: { Status: 'Enabled' } } }),
    Destination: {
      Bucket: bucketArn,
      ...(key && { EncryptionConfiguration: { ReplicaKmsKeyID: keyAliasArn } }),
      ReplicationTime: { Status: 'Enabled', Time: IN_TIME },
      Metrics: { Status: 'Enabled', EventThreshold: IN_TIME },
    },
  }));
}
