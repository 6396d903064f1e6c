import { WadiError } from '../errors.ts';
import { checkPartitions } from './partitions.ts';
import { afterWrite, readTopic } from './readTopic.ts';
import type { Topic, TopicStore } from './topic.ts';
import { type StoredTopic, stillLive, topicKey } from './topicItem.ts';

const ATTEMPTS = 10;

/** Heads first, then the count: whoever sees a partition finds its head. `partitions` is the new total. */
export async function addPartitions(store: TopicStore, name: string, partitions: number): Promise<Topic> {
  checkPartitions(partitions);
  let topic = await readTopic(store.metadata, name);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    topic = await grow(store, topic, partitions);
    // Also if it was not our own write that took effect: what was asked for holds.
    if (topic.partitions === partitions) return topic;
  }
  throw new WadiError('REQUEST_TIMED_OUT', `Others keep changing topic '${name}'; try again.`);
}

async function grow(store: TopicStore, topic: StoredTopic, partitions: number): Promise<StoredTopic> {
  if (partitions <= topic.partitions) {
    throw new WadiError('INVALID_PARTITIONS', `Topic already has ${topic.partitions} partitions.`, {
      field: 'partitions_count',
    });
  }
  const larger = { ...topic, partitions };
  await store.log.createHeads(larger, topic.partitions, partitions);
  const { item } = await store.metadata.update(
    topicKey(topic.name),
    [{ set: ['partitions'], to: partitions }],
    {
      all: [stillLive(topic), { path: ['partitions'], is: '=', value: topic.partitions }],
    },
  );
  try {
    return afterWrite(topic, item);
  } catch (gone) {
    // Deleted meanwhile: the new heads may have come after its heads were taken away.
    await store.log.deleteHeads(larger).catch(() => undefined);
    throw gone;
  }
}
