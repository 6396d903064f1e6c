import { type CfnElement, Stack, Validations } from 'aws-cdk-lib';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { IConstruct } from 'constructs';

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
