import { type DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import type { ItemTables, ScannableItems } from '../ports.ts';
import { toAttributes, toItem } from './attributes.ts';
import { type AwsOptions, dynamoDbClient } from './aws.ts';
import { dynamoDbItems } from './items.ts';

/** The tables of a region, until the process ends. */
export function scannableTables(options: AwsOptions): ItemTables {
  const client = dynamoDbClient(options);
  return {
    log: scannableItems(client, options.logTable),
    metadata: scannableItems(client, options.metadataTable),
    groups: scannableItems(client, options.groupsTable),
  };
}

/** Apart from the rest, since only those who copy a table need it. */
export function scannableItems(client: DynamoDBClient, TableName: string): ScannableItems {
  return {
    ...dynamoDbItems(client, TableName),
    async scan({ after, limit }) {
      const command = new ScanCommand({
        TableName,
        Limit: limit,
        ConsistentRead: true,
        ...(after && { ExclusiveStartKey: toAttributes({ pk: after.pk, sk: after.sk }) }),
      });
      const { Items = [], LastEvaluatedKey: last } = await client.send(command);
      const next = last && { pk: last.pk!.S!, sk: last.sk!.S! };
      return { items: Items.map(toItem), ...(next && { next }) };
    },
  };
}
