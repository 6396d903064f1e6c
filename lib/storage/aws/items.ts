import { setTimeout as delay } from 'node:timers/promises';
import {
  type AttributeValue,
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { type Item, type ItemStore, type Key, StorageError, type WriteOutcome } from '../ports.ts';
import { compareUtf8 } from '../value.ts';
import { toAttributes, toItem } from './attributes.ts';
import { expressions } from './expressions.ts';

/** BatchGetItem leaves keys for later when its answer is full; if it leaves all of them, the table is throttled. */
const BATCH_ATTEMPTS = 5;
const BATCH_RETRY_MS = 20;

export function dynamoDbItems(client: DynamoDBClient, TableName: string): ItemStore {
  const written = { TableName, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } as const;

  const get = async (key: Key) => {
    const command = new GetItemCommand({ TableName, Key: keyAttributes(key), ConsistentRead: true });
    const { Item } = await client.send(command);
    return Item && toItem(Item);
  };

  const outcome = async <T>(
    key: Key,
    write: Promise<T>,
  ): Promise<T | (WriteOutcome & { applied: false })> => {
    try {
      return await write;
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      // Some emulators do not tell the item with the refusal.
      return { applied: false, item: error.Item ? toItem(error.Item) : await get(key) };
    }
  };

  return {
    get,

    async getMany(keys) {
      const found = new Map<string, Item>();
      let missing = [...new Map(keys.map((key) => [nameOf(key), keyAttributes(key)])).values()];
      for (let fruitless = 0; missing.length > 0; ) {
        if (fruitless > 0) await delay(BATCH_RETRY_MS * 2 ** fruitless * Math.random());
        const command = new BatchGetItemCommand({
          RequestItems: { [TableName]: { Keys: missing, ConsistentRead: true } },
        });
        const { Responses, UnprocessedKeys } = await client.send(command);
        for (const attributes of Responses?.[TableName] ?? []) {
          const item = toItem(attributes);
          found.set(nameOf(item), item);
        }
        const left = UnprocessedKeys?.[TableName]?.Keys ?? [];
        fruitless = left.length < missing.length ? 0 : fruitless + 1;
        if (fruitless === BATCH_ATTEMPTS) throw new StorageError('BatchGetItem leaves keys', 'no');
        missing = left;
      }
      return keys.map((key) => found.get(nameOf(key)));
    },

    async query({ pk, from = '', to, descending = false, limit }) {
      if (to === '' || (to !== undefined && compareUtf8(from, to) > 0)) return { items: [] };
      // DynamoDB refuses an empty bound, and bounds in the wrong order.
      const bounds = [...(from ? ['sk >= :from'] : []), ...(to ? ['sk <= :to'] : [])];
      const range = bounds.length === 2 ? ['sk BETWEEN :from AND :to'] : bounds;
      const command = new QueryCommand({
        TableName,
        KeyConditionExpression: ['pk = :pk', ...range].join(' AND '),
        ExpressionAttributeValues: toAttributes({
          ':pk': pk,
          ...(from && { ':from': from }),
          ...(to && { ':to': to }),
        }),
        ScanIndexForward: !descending,
        Limit: limit,
        ConsistentRead: true,
      });
      const { Items = [], LastEvaluatedKey } = await client.send(command);
      const lastSk = LastEvaluatedKey?.sk?.S;
      return { items: Items.map(toItem), ...(lastSk !== undefined && { lastSk }) };
    },

    async put(item, condition) {
      const command = new PutItemCommand({ ...written, ...expressions(condition), Item: toAttributes(item) });
      const result = await outcome(item, client.send(command));
      return 'applied' in result ? result : { applied: true, item };
    },

    async update(key, actions, condition) {
      const command = new UpdateItemCommand({
        ...written,
        ...expressions(condition, actions),
        Key: keyAttributes(key),
        ReturnValues: 'ALL_NEW',
      });
      const result = await outcome(key, client.send(command));
      return 'applied' in result ? result : { applied: true, item: toItem(result.Attributes!) };
    },

    async delete(key, condition) {
      const command = new DeleteItemCommand({
        ...written,
        ...expressions(condition),
        Key: keyAttributes(key),
      });
      const result = await outcome(key, client.send(command));
      return 'applied' in result ? result : { applied: true, item: undefined };
    },
  };
}

function keyAttributes({ pk, sk }: Key): Record<string, AttributeValue> {
  return { pk: { S: pk }, sk: { S: sk } };
}

function nameOf({ pk, sk }: Key): string {
  return JSON.stringify([pk, sk]);
}
