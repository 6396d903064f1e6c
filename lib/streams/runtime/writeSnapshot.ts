import type { Clock } from '../../clock.ts';
import type { Log } from '../../log/log.ts';
import { withRetries } from '../../log/retry.ts';
import { encodeBatch } from '../../record/encode.ts';
import type { ObjectStore } from '../../storage/ports.ts';
import type { Topic } from '../../topic/topic.ts';
import type { RawRecord } from '../record.ts';
import type { Task } from '../task/task.ts';
import { partKey, type Snapshot, type StoreSnapshot } from './snapshot.ts';

interface SnapshotContext {
  readonly log: Pick<Log, 'bounds'>;
  readonly objects: Pick<ObjectStore, 'put'>;
  readonly clock: Clock;
  readonly partBytes: number;
}

export interface SnapshotOptions {
  /** Nobody else's: of this step, in this epoch. */
  readonly prefix: string;
  /** By store. */
  readonly changelogs: ReadonlyMap<string, Topic>;
  readonly deadlineMs: number;
}

/**
 * Writes the contents of a task's stores, as of a step that is applied, and of which nothing later is in the changelogs unless another has taken the
 * task; then what this returns is not to be named. `undefined`: it took too long.
 */
export async function writeSnapshot(
  { log, objects, clock, partBytes }: SnapshotContext,
  task: Task,
  { prefix, changelogs, deadlineMs }: SnapshotOptions,
): Promise<Snapshot | undefined> {
  const takenMs = clock.now();
  const stores: StoreSnapshot[] = [];
  let keys = 0;
  for (const [name, changelog] of changelogs) {
    const { highWatermark: offset } = await log.bounds(changelog, task.id.partition);
    let parts = 0;
    for (const records of inParts(task.contents(name).range(), partBytes, takenMs)) {
      if (clock.now() >= deadlineMs) return undefined;
      const key = partKey({ prefix }, name, parts);
      const bytes = encodeBatch(records);
      await withRetries(clock, () => objects.put(key, [bytes]));
      parts++;
    }
    keys += task.contents(name).size;
    stores.push({ name, topicId: changelog.id, offset, parts });
  }
  return { prefix, takenMs, keys, stores };
}

function* inParts(
  pairs: Iterable<readonly [Uint8Array, Uint8Array]>,
  partBytes: number,
  timestamp: number,
): Generator<RawRecord[]> {
  let records: RawRecord[] = [];
  let bytes = 0;
  for (const [key, value] of pairs) {
    const size = key.length + value.length;
    if (bytes > 0 && bytes + size > partBytes) {
      yield records;
      records = [];
      bytes = 0;
    }
    records.push({ key, value, timestamp, headers: [] });
    bytes += size;
  }
  if (records.length > 0) yield records;
}
