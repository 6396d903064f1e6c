import type { Topic } from '../../../lib/topic/topic.ts';
import type { Bounds, DeleteRecords, Fetch } from '../../../lib/verify/history.ts';
import { valuesOf } from '../../support/log.ts';
import {
  ask,
  type Client,
  currentTopic,
  insist,
  isGone,
  isKafka,
  recordTime,
  requireRetriable,
  think,
} from './client.ts';

/** Polls the partitions of its topic in turn, each where it stopped. */
export async function consumer(client: Client, operations: number): Promise<void> {
  const { random, recorder, world } = client;
  let topic = await currentTopic(client);
  let places = new Map<number, { offset: number; reset: boolean }>();
  for (let n = 0; n < operations; n++) {
    await think(client);
    const partition = random.below(topic.partitions);
    // Now and then a consumer begins anew: who reads from the start meets what is being deleted.
    if (random.chance(0.1)) places.delete(partition);
    const place = places.get(partition) ?? { offset: 0, reset: true };
    places.set(partition, place);
    const process = client.anyProcess();
    const note = recorder.begin<Fetch>({
      ...operationOn(client, topic, partition, process.name),
      kind: 'fetch',
      consumer: client.name,
      offset: place.offset,
      reset: place.reset,
      outcome: { is: 'failed', error: 'no answer' },
    });
    // Now and then one asks for what cannot be there yet.
    if (random.chance(0.03)) await askBeyond(client, topic, partition);
    const request = {
      partition,
      offset: place.offset,
      maxBytes: random.pick([1, 300, 5_000]),
      minBytes: random.below(2),
      maxWaitMs: random.pick([0, 30, 700]),
    };
    // A process that is frozen begins when the client may have gone on to another topic.
    const asked = topic;
    const invokedAtMs = world.nowMs;
    const { answer } = await ask(client, process, async (wadi) => {
      const { bytes, ...rest } = await wadi.log.fetch(asked, request);
      return { ...rest, records: valuesOf(bytes).filter(([offset]) => offset >= request.offset) };
    });
    if (answer.is === 'none') continue;
    const returnedAtMs = world.nowMs;
    if (answer.is === 'ok') {
      note({ returnedAtMs, outcome: { is: 'ok', ...answer.value } });
      places.set(partition, { offset: answer.value.nextOffset, reset: false });
      continue;
    }
    const error = recorder.failure(answer.error);
    note({ returnedAtMs, outcome: { is: 'failed', error: error.kafka } });
    // Storage did answer.
    if (isKafka(error, 'KAFKA_STORAGE_ERROR') && error.cause === undefined)
      await client.regions?.toldGone(topic, partition, place.offset, invokedAtMs);
    if (isGone(client, error)) {
      topic = await currentTopic(client);
      places = new Map();
    } else if (!isKafka(error, 'OFFSET_OUT_OF_RANGE')) {
      requireRetriable(client, error, `fetch from ${place.offset}`);
    } else {
      const logStartOffset = await readLogStart(client, topic, partition);
      if (logStartOffset !== undefined && logStartOffset <= place.offset) {
        recorder.unexpected.push(
          `${client.name} was told that ${place.offset} is out of range of ${topic.id}/${partition}, which begins at ${logStartOffset}`,
        );
      }
      if (logStartOffset !== undefined) places.set(partition, { offset: logStartOffset, reset: true });
    }
  }
}

async function askBeyond(client: Client, topic: Topic, partition: number): Promise<void> {
  const request = { partition, offset: 1_000_000, maxBytes: 1, minBytes: 0, maxWaitMs: 0 };
  const { answer } = await ask(client, client.anyProcess(), ({ log }) => log.fetch(topic, request));
  if (answer.is === 'ok') client.recorder.unexpected.push(`${client.name} was answered from beyond the end`);
  if (answer.is !== 'error') return;
  const error = client.recorder.failure(answer.error);
  if (!isKafka(error, 'OFFSET_OUT_OF_RANGE') && !isGone(client, error))
    requireRetriable(client, error, 'fetch from beyond the end');
}

/** `undefined` if the topic is gone. */
async function readLogStart(client: Client, topic: Topic, partition: number): Promise<number | undefined> {
  try {
    return (await observe(client, topic, partition)).logStartOffset;
  } catch (error) {
    if (isKafka(error, 'UNKNOWN_TOPIC_OR_PARTITION')) return undefined;
    throw error;
  }
}

/** Reads both ends of a partition, until that succeeds. */
function observe(client: Client, topic: Topic, partition: number) {
  const { recorder, world } = client;
  return insist(
    client,
    async (wadi) => {
      const note = recorder.begin<Bounds>({
        ...operationOn(client, topic, partition, client.name),
        kind: 'bounds',
        outcome: { is: 'failed', error: 'no answer' },
      });
      const bounds = await wadi.log.bounds(topic, partition);
      note({ returnedAtMs: world.nowMs, outcome: { is: 'ok', ...bounds } });
      return bounds;
    },
    (error) => isGone(client, error),
  );
}

/** Asks where partitions begin and end, and looks offsets up by time. */
export async function observer(client: Client, operations: number): Promise<void> {
  const { random, recorder, world } = client;
  let topic = await currentTopic(client);
  for (let n = 0; n < operations; n++) {
    await think(client);
    const partition = random.below(topic.partitions);
    try {
      if (random.chance(0.5)) {
        await observe(client, topic, partition);
        continue;
      }
      const sinceMs = client.topic.keys === undefined ? 0 : random.pick([0, 1_000, 10_000]);
      const timestamp = recordTime(client) + random.below(100) - sinceMs;
      const invokedAtMs = world.nowMs;
      const asked = topic;
      const found = await insist(
        client,
        (wadi) => wadi.log.listOffsets(asked, partition, { timestamp }),
        (error) => isGone(client, error),
      );
      const times = { invokedAtMs, returnedAtMs: world.nowMs };
      recorder.lookups.push({ partition: `${topic.id}/${partition}`, timestamp, ...times, found });
    } catch (error) {
      if (!isKafka(error, 'UNKNOWN_TOPIC_OR_PARTITION')) throw error;
      topic = await currentTopic(client);
    }
  }
}

/** Deletes the records before some offset, now and then. */
export async function truncator(client: Client, operations: number): Promise<void> {
  const { random, recorder, world } = client;
  let topic = await currentTopic(client);
  for (let n = 0; n < operations; n++) {
    await think(client);
    const partition = random.below(topic.partitions);
    try {
      const { logStartOffset, highWatermark } = await observe(client, topic, partition);
      const beyond = random.chance(0.1);
      const beforeOffset = beyond
        ? highWatermark + 1_000_000
        : random.pick([highWatermark, -1, random.between(logStartOffset, highWatermark)]);
      const process = client.anyProcess();
      const note = recorder.begin<DeleteRecords>({
        ...operationOn(client, topic, partition, process.name),
        kind: 'deleteRecords',
        beforeOffset,
        outcome: { is: 'unknown' },
      });
      const asked = topic;
      const { answer } = await ask(client, process, (wadi) =>
        wadi.log.deleteRecords(asked, partition, beforeOffset),
      );
      if (answer.is === 'ok') note({ returnedAtMs: world.nowMs, outcome: { is: 'ok', ...answer.value } });
      if (beyond && answer.is === 'ok')
        recorder.unexpected.push(`deleted up to ${beforeOffset}, beyond the end`);
      if (answer.is === 'error') {
        const error = recorder.failure(answer.error);
        // It may have landed before the topic was deleted.
        const gone = isGone(client, error);
        const unknown = gone || error.retriable;
        note({ returnedAtMs: world.nowMs, outcome: { is: unknown ? 'unknown' : 'failed' } });
        if (gone) throw error;
        if (!beyond || !isKafka(error, 'OFFSET_OUT_OF_RANGE'))
          requireRetriable(client, error, `delete before ${beforeOffset}`);
      }
    } catch (error) {
      if (!isKafka(error, 'UNKNOWN_TOPIC_OR_PARTITION')) throw error;
      topic = await currentTopic(client);
    }
  }
}

export function operationOn(client: Client, topic: Topic, partition: number, via: string) {
  return {
    partition: `${topic.id}/${partition}`,
    invokedAtMs: client.world.nowMs,
    returnedAtMs: Number.POSITIVE_INFINITY,
    via: `${via} for ${client.name}`,
  };
}
