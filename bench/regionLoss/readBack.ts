import { admin } from '../../lib/client/admin.ts';
import { decodeBatches } from '../../lib/record/decode.ts';
import { RECORD_BATCH_TYPE } from '../../lib/rest/records/recordBatchType.ts';
import { type Acknowledged, idOf } from './load.ts';

/** What a front gives of a topic: ids by `<partition>/<offset>`. Where it says that it cannot, there is none. */
export type Found = ReadonlyMap<string, string>;

const PAGE_BYTES = 1_000_000;

/** Reads each partition, through a front, up to where it ends now. */
export async function readBack(front: string, topic: string, partitions: number): Promise<Found> {
  const found = new Map<string, string>();
  const { topics } = admin({ url: front });
  const clusters = (await (await fetch(`${front}/v3/clusters`)).json()) as { data: { cluster_id: string }[] };
  const topicUrl = `${front}/v3/clusters/${clusters.data[0]!.cluster_id}/topics/${topic}`;
  await Promise.all(
    Array.from({ length: partitions }, async (_, partition) => {
      const url = `${topicUrl}/partitions/${partition}/records`;
      const { latest: end } = await topics.offsets(topic, partition);
      for (let offset = 0, bytes = PAGE_BYTES; offset < end; ) {
        const { records, next } = await page(url, offset, bytes);
        for (const [at, id] of records) if (at < end) found.set(`${partition}/${at}`, id);
        if (next !== undefined) {
          offset = next;
          bytes = Math.min(bytes * 4, PAGE_BYTES);
        } else if (bytes > 1) {
          // What is missing may be further on.
          bytes = Math.max(1, Math.floor(bytes / 8));
        } else {
          offset++;
        }
      }
    }),
  );
  return found;
}

interface Page {
  readonly records: readonly (readonly [offset: number, id: string])[];
  /** `undefined` if what is at the offset, or behind it, cannot be had. */
  readonly next: number | undefined;
}

async function page(url: string, offset: number, maxBytes: number): Promise<Page> {
  const response = await fetch(`${url}?offset=${offset}&max_bytes=${maxBytes}`, {
    headers: { accept: RECORD_BATCH_TYPE },
  });
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (response.status === 503) return { records: [], next: undefined };
  if (response.status !== 200) throw new Error(`GET ${url}: ${response.status} ${Buffer.from(bytes)}`);
  const records = [...decodeBatches(bytes, { fromOffset: offset })].map(
    (record) => [record.offset, idOf(record.value!)] as const,
  );
  return { records, next: Number(response.headers.get('wadi-next-offset')) };
}

/** Those that are not there, or not where the acknowledgement said. */
export function missing(acknowledged: readonly Acknowledged[], found: Found): Acknowledged[] {
  const ids = new Set(found.values());
  return acknowledged.filter(({ id, partition, offset }) =>
    offset < 0 ? !ids.has(id) : found.get(`${partition}/${offset}`) !== id,
  );
}

/** Ids that are there more than once, each as often as it is there beside. */
export function duplicates(found: Found): string[] {
  const seen = new Set<string>();
  return [...found.values()].filter((id) => seen.size === seen.add(id).size);
}
