import { type CfnElement, Stack, Token, Validations } from 'aws-cdk-lib';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { IConstruct } from 'constructs';
import type { CopyNames, RegionNames } from './clusterRegions.ts';

/** What a rule (of cdk-nag, say) has against a construct and all within, and why it is so all the same. */
export function acknowledge(construct: IConstruct, reasons: Readonly<Record<string, string>>): void {
  Validations.of(construct).acknowledge(...Object.entries(reasons).map(([id, reason]) => ({ id, reason })));
}

/** How cdk-nag calls all objects of a bucket, as seen from `user`. */
export function allObjects(bucket: Bucket, user: IConstruct): string {
  const [own, stack] = [Stack.of(bucket), Stack.of(user)];
  if (own === stack) return `<${own.getLogicalId(bucket.node.defaultChild as CfnElement)}.Arn>/*`;
  // The export that the use of the bucket makes anyway; only here is its name known before that.
  return `${own.resolve(own.exportValue(bucket.bucketArn))['Fn::ImportValue']}/*`;
}

/** The same for what a role may use of other regions, whose resources are known by their names. */
export function acknowledgeRegions(
  construct: IConstruct,
  regions: readonly RegionNames[],
  witness?: CopyNames,
): void {
  const { account, partition } = Stack.of(construct);
  const named = (arn: string) =>
    [[partition, '<AWS::Partition>'] as const, [account, '<AWS::AccountId>'] as const].reduce(
      (text, [value, name]) => (Token.isUnresolved(value) ? text.replaceAll(value, name) : text),
      arn,
    );
  for (const { bucketArn } of regions) {
    acknowledge(construct, {
      [`AwsSolutions-IAM5[Resource::${named(bucketArn)}/*]`]: "As of the region's own bucket",
    });
  }
  for (const { keysArn } of [...regions, ...(witness ? [witness] : [])]) {
    acknowledge(construct, {
      [`AwsSolutions-IAM5[Resource::${named(keysArn)}]`]:
        "A condition says which key: the one with the cluster's alias",
    });
  }
}
