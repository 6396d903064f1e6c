import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';

/**
 * The one key of a cluster. S3, DynamoDB and SQS use it in the name of who calls them, so a function's role says what it may be used
 * for; CloudWatch uses it in its own name, which only the key's policy can allow. Other regions know it by an alias, since its id is known
 * only when it is there.
 */
export function clusterKey(scope: Construct, id: string, alias?: string): Key {
  const key = new Key(scope, id, {
    description: 'Wadi: records, items, messages and logs of a cluster',
    enableKeyRotation: true,
    // What it has encrypted is lost without it.
    removalPolicy: RemovalPolicy.RETAIN,
  });
  if (alias) key.addAlias(alias).applyRemovalPolicy(RemovalPolicy.RETAIN);
  const { account, partition, region } = Stack.of(scope);
  // https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
  key.addToResourcePolicy(
    new PolicyStatement({
      sid: 'Logs',
      principals: [new ServicePrincipal(`logs.${region}.amazonaws.com`)],
      actions: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:DescribeKey'],
      resources: ['*'],
      conditions: {
        ArnLike: {
          'kms:EncryptionContext:aws:logs:arn': `arn:${partition}:logs:${region}:${account}:log-group:*`,
        },
      },
    }),
  );
  // https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
  key.addToResourcePolicy(
    new PolicyStatement({
      sid: 'Alarms',
      principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
      resources: ['*'],
      conditions: { StringEquals: { 'aws:SourceAccount': account } },
    }),
  );
  return key;
}
