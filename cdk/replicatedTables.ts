import { Stack } from 'aws-cdk-lib';
import { MultiRegionConsistency, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { Key } from 'aws-cdk-lib/aws-kms';
import { type ClusterRegions, type CopyNames, tableName } from './clusterRegions.ts';
import { tableProps } from './tables.ts';
import type { ClusterTable, TableName, Tables, WadiStorage } from './wadiStorage.ts';

/**
 * Global tables. With multi-Region strong consistency whoever writes to any replica is told of what was written to every other; with eventual
 * consistency each replica is a copy by itself, and one is home's. They are all made, and changed, from the first region; in each, the
 * replica is known by its name.
 */
export function replicatedTables(
  scope: WadiStorage,
  { name, all, witness }: ClusterRegions,
  days: number,
  key?: Key,
): Tables & { readonly ownLog: TableV2 | undefined } {
  const [first] = all;
  const { isEventual } = scope;
  const others = isEventual ? scope.otherCopies : scope.otherRegions;
  const made: Partial<Record<TableName, TableV2>> = {};
  const replica = (table: TableName): ClusterTable => {
    const ofTable = tableName(name, table);
    if (Stack.of(scope).region === first) {
      made[table] = new TableV2(scope, `Replicated-${table}`, {
        tableName: ofTable,
        ...tableProps(days),
        // No time to live: the daily sweep deletes what is beyond its time, as it does everywhere. Tables of strong consistency do not have it. In
        // those of eventual consistency a replica that is behind could delete what has been written anew at home, and its deletion, which is
        // later, would count everywhere.
        ...(!isEventual && { multiRegionConsistency: MultiRegionConsistency.STRONG }),
        replicas: others.map(({ region }) => ({ region })),
        ...(witness && !isEventual && { witnessRegion: witness }),
        ...(key && { encryption: TableEncryptionV2.customerManagedKey(key, keysOf(others)) }),
      });
    }
    return TableV2.fromTableName(scope, `Replica-${table}`, ofTable);
  };
  const tables = { log: replica('log'), metadata: replica('metadata'), groups: replica('groups') };
  return { ...tables, ownLog: made.log };
}

/** A replica is encrypted with a key of its region. */
function keysOf(others: readonly CopyNames[]): Record<string, string> {
  return Object.fromEntries(others.map(({ region, keyAliasArn }) => [region, keyAliasArn]));
}
