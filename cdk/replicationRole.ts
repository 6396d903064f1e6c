import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { acknowledge, acknowledgeRegions, allObjects } from './acknowledge.ts';
import type { WadiStorage } from './wadiStorage.ts';

/**
 * As whom S3 brings objects from the bucket of this region to those of the others: it reads versions and their tags here, and adds
 * replicas there. It deletes nothing. Keys are used by way of S3 alone, for these buckets: with a bucket key, the context is the bucket.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html
 */
export function replicationRole(
  scope: Construct,
  id: string,
  { objects, key, otherRegions }: Pick<WadiStorage, 'objects' | 'key' | 'otherRegions'>,
): Role {
  const role = new Role(scope, id, { assumedBy: new ServicePrincipal('s3.amazonaws.com') });
  const allow = (actions: string[], resource: string, conditions: Record<string, unknown> = {}) =>
    role.addToPolicy(new PolicyStatement({ actions, resources: [resource], conditions }));
  allow(['s3:GetReplicationConfiguration', 's3:ListBucket'], objects.bucketArn);
  allow(
    ['s3:GetObjectVersionForReplication', 's3:GetObjectVersionAcl', 's3:GetObjectVersionTagging'],
    objects.arnForObjects('*'),
  );
  for (const { bucketArn } of otherRegions) {
    allow(['s3:ReplicateObject', 's3:ReplicateTags'], `${bucketArn}/*`);
  }
  acknowledge(role, {
    [`AwsSolutions-IAM5[Resource::${allObjects(objects, role)}]`]:
      'All objects that have the tag are replicated',
  });
  acknowledgeRegions(role, otherRegions);
  if (!key) return role;
  allow(['kms:Decrypt'], key.keyArn, {
    StringEquals: {
      'kms:ViaService': `s3.${role.env.region}.amazonaws.com`,
      'kms:EncryptionContext:aws:s3:arn': objects.bucketArn,
    },
  });
  for (const { region, bucketArn, keyAlias, keysArn } of otherRegions) {
    allow(['kms:Encrypt'], keysArn, {
      StringEquals: {
        'kms:ViaService': `s3.${region}.amazonaws.com`,
        'kms:EncryptionContext:aws:s3:arn': bucketArn,
      },
      'ForAnyValue:StringEquals': { 'kms:ResourceAliases': keyAlias },
    });
  }
  return role;
}
