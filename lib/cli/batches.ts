import { setTimeout as sleep } from 'node:timers/promises';

export interface BatchLimits {
  readonly maxRecords: number;
  readonly maxBytes: number;
  /** How long the first of a batch waits for others. */
  readonly lingerMs: number;
}

/** Regroups what comes in: full batches while there is plenty, small ones soon after input pauses. */
export async function* batches<T extends { readonly bytes: number }>(
  input: AsyncIterable<readonly T[]>,
  { maxRecords, maxBytes, lingerMs }: BatchLimits,
): AsyncGenerator<T[]> {
  const iterator = input[Symbol.asyncIterator]();
  const next = () => {
    const arriving = iterator.next();
    // A failure waits until it is asked for: the batch before it may still be on its way.
    arriving.catch(() => undefined);
    return arriving;
  };
  let batch: T[] = [];
  let bytes = 0;
  let sendAtMs = 0;
  let arriving = next();
  for (;;) {
    const arrived = await (batch.length === 0
      ? arriving
      : Promise.race([arriving, pause(sendAtMs - Date.now())]));
    if (arrived === undefined) {
      yield batch;
      batch = [];
      continue;
    }
    if (arrived.done) break;
    for (const record of arrived.value) {
      if (batch.length === maxRecords || (batch.length > 0 && bytes + record.bytes > maxBytes)) {
        yield batch;
        batch = [];
      }
      if (batch.length === 0) {
        bytes = 0;
        sendAtMs = Date.now() + lingerMs;
      }
      batch.push(record);
      bytes += record.bytes;
    }
    arriving = next();
  }
  if (batch.length > 0) yield batch;
}

async function pause(ms: number): Promise<undefined> {
  await sleep(Math.max(0, ms));
}
