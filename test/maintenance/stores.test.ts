import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { awsStorage } from '../../lib/storage/aws/aws.ts';
import { createAwsResources } from '../../lib/storage/aws/resources.ts';
import { embeddedStorage } from '../../lib/storage/embedded/embedded.ts';
import type { Storage } from '../../lib/storage/ports.ts';
import { EMULATOR_ACCESS, startDynamoDb, startS3 } from '../support/emulators.ts';
import { collect, liveRowsOf, MINUTE, SMALL, written } from './support.ts';

async function deleteAndCollect(storage: Storage): Promise<void> {
  const world = await written(storage, 12);
  const { topic, log, clock } = world;
  expect(await log.deleteRecords(topic, 0, 7)).toEqual({ logStartOffset: 7 });
  expect(await log.deleteRecords(topic, 0, 5)).toEqual({ logStartOffset: 7 });
  clock.advance(60 * MINUTE);
  const collected = await collect(storage, world, { limits: SMALL });
  expect(collected).toMatchObject({ floorsRaised: 1, objects: 3, inlineItems: 4 });
  expect(collected.indexRows).toBeGreaterThan(1);
  for (const { end } of await liveRowsOf(storage, topic)) expect(end).toBeGreaterThan(7);
  await world.expectWhole();
}

test('records are deleted and collected on SQLite and files', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'wadi-garbage-'));
  const storage = embeddedStorage({ directory });
  await deleteAndCollect(storage);
  await storage.close();
  await rm(directory, { recursive: true });
});

test('records are deleted and collected on S3 and DynamoDB, as fauxqs and dynalite emulate them', async () => {
  const [s3, dynamodb] = await Promise.all([startS3(), startDynamoDb('dynalite')]);
  if ('unavailable' in dynamodb) throw new Error(dynamodb.unavailable);
  const options = {
    ...EMULATOR_ACCESS,
    bucket: 'garbage',
    logTable: 'log',
    metadataTable: 'metadata',
    groupsTable: 'groups',
    s3Endpoint: s3.endpoint,
    dynamodbEndpoint: dynamodb.endpoint,
  };
  await createAwsResources(options);
  const storage = awsStorage(options);
  await deleteAndCollect(storage);
  await storage.close();
  await dynamodb.stop();
  await s3.stop();
});
