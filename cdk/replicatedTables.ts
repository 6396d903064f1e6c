import { Stack } from 'aws-cdk-lib';
import { MultiRegionConsistency, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { Key } from 'aws-cdk-lib/aws-kms';
import type { ClusterRegions } from './clusterRegions.ts';
import { tableProps } from './tables.ts';
import type { ClusterTable, TableName, Tables, WadiStorage } from './wadiStorage.ts';

/**
 * Global tables with multi-Region strong consistency: whoever writes to any replica is told of what was written to every other. They are
 * all made, and changed, from the first region; in each, the replica is known by its name.
 */
export function replicatedTables(
  scope: WadiStorage,
  { name, all, witness }: ClusterRegions,
  days: number,
  key?: Key,
): Tables {
  const [first, ...others] = all;
  const replica = (table: TableName): ClusterTable => {
    const tableName = `${name}-${table}`;
    if (Stack.of(scope).region === first) {
      new TableV2(scope, `Replicated-${table}`, {
        tableName,
        ...tableProps(days),
        // No time to live, which these tables do not have: the daily sweep deletes what is beyond its time, as it does everywhere.
        multiRegionConsistency: MultiRegionConsistency.STRONG,
        replicas: others.map((region) => ({ region })),
        ...(witness && { witnessRegion: witness }),
        ...(key && { encryption: TableEncryptionV2.customerManagedKey(key, keysOfOthers(scope)) }),
      });
    }
    return TableV2.fromTableName(scope, `Replica-${table}`, tableName);
  };
  return { log: replica('log'), metadata: replica('metadata'), groups: replica('groups') };
}

/** A replica is encrypted with a key of its region. */
function keysOfOthers({ otherRegions }: WadiStorage): Record<string, string> {
  return Object.fromEntries(otherRegions.map(({ region, keyAliasArn }) => [region, keyAliasArn]));
}
