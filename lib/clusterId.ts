import type { Clock } from './clock.ts';
import type { ItemStore } from './storage/ports.ts';
import { randomUuid } from './uuid.ts';

/** In the metadata store: pk 'cluster', sk 'id', the id in `clusterId`. */
const KEY = { pk: 'cluster', sk: 'id' };

/** The cluster's id, in the form of Kafka's Uuid: the same for every process on this store, now and later. */
export async function readClusterId(metadata: ItemStore, clock: Clock): Promise<string> {
  const stored = await metadata.get(KEY);
  if (stored) return stored.clusterId as string;
  const { item } = await metadata.put({ ...KEY, clusterId: randomUuid(clock) }, { missing: ['clusterId'] });
  return item?.clusterId as string;
}
