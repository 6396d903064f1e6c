import { type LocalCluster, startLocalCluster } from '../../lib/local/cluster.ts';
import { decodeBatches } from '../../lib/record/decode.ts';
import type { DecodedRecord } from '../../lib/record/record.ts';
import { startProxy, type TestProxy } from './proxy.ts';

export interface Service extends AsyncDisposable {
  readonly cluster: LocalCluster;
  readonly proxy: TestProxy;
  /** All records of a partition as they are stored. */
  readAll(topic: string, partition?: number): Promise<DecodedRecord[]>;
}

/** A local cluster in memory, behind a proxy. */
export async function startService(): Promise<Service> {
  const cluster = await startLocalCluster();
  const proxy = await startProxy(cluster.url);
  return {
    cluster,
    proxy,
    async readAll(topic, partition = 0) {
      const described = await cluster.wadi.topics.describe(topic);
      const records: DecodedRecord[] = [];
      for (let offset = 0; ; ) {
        const { bytes, nextOffset } = await cluster.wadi.log.fetch(described, {
          partition,
          offset,
          maxBytes: 1024 * 1024,
          minBytes: 0,
          maxWaitMs: 0,
        });
        if (nextOffset === offset) return records;
        records.push(...decodeBatches(bytes, { fromOffset: offset }));
        offset = nextOffset;
      }
    },
    async [Symbol.asyncDispose]() {
      await proxy.close();
      await cluster.close();
    },
  };
}

export const text = (bytes: Uint8Array | null): string | null => bytes && Buffer.from(bytes).toString();

/** Quick to try again, as tests are. */
export const impatient = { requestTimeoutMs: 2_000, retryBackoffMs: 1, retryBackoffMaxMs: 20 } as const;
