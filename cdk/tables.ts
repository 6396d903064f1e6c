import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import {
  AttributeType,
  Billing,
  type CfnGlobalTable,
  StreamViewType,
  TableV2,
} from 'aws-cdk-lib/aws-dynamodb';
import type { Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import type { TableName, Tables, WadiStorageProps } from './wadiStorage.ts';

interface TablesOptions {
  readonly days: number;
  readonly restoredTables: WadiStorageProps['restoredTables'] | undefined;
  readonly name: string | undefined;
  readonly key: Key | undefined;
}

/** Of a cluster of one region. */
export function tablesOf(
  scope: Construct,
  { days, restoredTables, name, key }: TablesOptions,
): Tables & { readonly ownLog: TableV2 } {
  const own = (id: string, table: TableName) => tableOf(scope, id, days, key, name && `${name}-${table}`);
  const tables = {
    log: own('Log', 'log'),
    metadata: own('Metadata', 'metadata'),
    groups: own('Groups', 'groups'),
  };
  const { log: ownLog } = tables;
  if (!restoredTables) return { ...tables, ownLog };
  // The functions' stack still has the old names when this one is deployed, and exports in use cannot be taken away.
  for (const { tableName, tableArn } of Object.values(tables)) keepExports(scope, [tableName, tableArn]);
  const restored = (table: TableName) =>
    TableV2.fromTableName(scope, `Restored-${table}`, restoredTables[table]);
  return { log: restored('log'), metadata: restored('metadata'), groups: restored('groups'), ownLog };
}

/** Has a table of one region tell its changes by their keys; global tables tell all of them anyway. */
export function tellChanges(table: TableV2): void {
  const resource = table.node.defaultChild as CfnGlobalTable;
  resource.streamSpecification = { streamViewType: StreamViewType.KEYS_ONLY };
}

export function keepExports(scope: Construct, values: readonly string[]): void {
  for (const value of values) Stack.of(scope).exportValue(value);
}

/** A global table of one replica. */
function tableOf(scope: Construct, id: string, days: number, key?: Key, name?: string): TableV2 {
  const table = new TableV2(scope, id, {
    ...(name && { tableName: name }),
    ...tableProps(days),
    timeToLiveAttribute: 'expiresAt',
  });
  if (key) encrypt(table, key);
  return table;
}

export const tableProps = (days: number) => ({
  partitionKey: { name: 'pk', type: AttributeType.STRING },
  sortKey: { name: 'sk', type: AttributeType.STRING },
  billing: Billing.onDemand(),
  pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true, recoveryPeriodInDays: days },
  deletionProtection: true,
  removalPolicy: RemovalPolicy.RETAIN,
});

/** What `TableEncryptionV2.customerManagedKey` does, but also in a stack of which the region is not known yet. */
function encrypt(table: TableV2, key: Key): void {
  const resource = table.node.defaultChild as CfnGlobalTable;
  resource.sseSpecification = { sseEnabled: true, sseType: 'KMS' };
  resource.addPropertyOverride('Replicas.0.SSESpecification.KMSMasterKeyId', key.keyArn);
}
