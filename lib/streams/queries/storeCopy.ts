import type { Clock } from '../../clock.ts';
import type { Log } from '../../log/log.ts';
import type { ObjectStore } from '../../storage/ports.ts';
import type { Topic } from '../../topic/topic.ts';
import { loadSnapshot } from '../runtime/loadSnapshot.ts';
import { restoreStore } from '../runtime/restore.ts';
import { isFresh, type Snapshot, storedIn } from '../runtime/snapshot.ts';
import { memoryByteStore } from '../state/byteStore.ts';
import type { StoreShape } from '../state/store.ts';
import { type StoreView, storeView } from './storeView.ts';

/** What a row takes in memory beside its bytes, as measured; of windows there is an index by time as well. */
const ROW_BYTES = { 'key-value': 500, window: 1_000, session: 1_000 } as const;

export interface CopyContext {
  readonly log: Pick<Log, 'fetch' | 'bounds'>;
  readonly objects: Pick<ObjectStore, 'get'>;
  readonly clock: Clock;
}

/** A partition of a store in memory, in a process that does not work on it. */
export interface StoreCopy {
  readonly view: StoreView;
  /** It has what is in the changelog below. */
  readonly offset: number;
  readonly rows: number;
  /** That it takes in memory, about. */
  readonly bytes: number;
  /**
   * Reads on to the end of the changelog as it is now, telling `onRead` now and then; what that throws ends it, and the next call goes on from there.
   * False if the copy turned out to be of no use: what was deleted in between may be gone from the changelog, or objects of the snapshot are missing.
   */
  catchUp(changelog: Topic, onRead: () => void): Promise<boolean>;
}

/** An empty one, that will begin with the snapshot if that is of use. */
export function createStoreCopy(
  context: CopyContext,
  { name, shape }: { readonly name: string; readonly shape: StoreShape },
  partition: number,
  changelog: Topic,
  snapshot: Snapshot | undefined,
): StoreCopy {
  const { log, clock } = context;
  const bytes = memoryByteStore(name);
  const view = storeView(shape, bytes);
  const stored = storedIn(snapshot, name, changelog, clock.now());
  /** When what it has, and has yet to be told of, was all there was: as a snapshot, it is of use for a while. */
  let takenMs = stored ? snapshot!.takenMs : clock.now();
  let part = 0;
  let offset = stored?.offset;

  return {
    view,
    get offset() {
      return offset ?? 0;
    },
    get rows() {
      return bytes.size;
    },
    get bytes() {
      return bytes.bytes + bytes.size * ROW_BYTES[shape.kind];
    },
    async catchUp(topic, onRead) {
      const startedMs = clock.now();
      if (!isFresh({ takenMs }, topic, startedMs)) return false;
      if (stored && part < stored.parts) {
        const isWhole = await loadSnapshot(context, snapshot!, stored, bytes.restore, {
          fromPart: part,
          onRead(nextPart) {
            part = nextPart;
            onRead();
          },
        });
        if (!isWhole) return false;
      }
      const read = await restoreStore(log, topic, partition, bytes.restore, {
        ...(offset !== undefined && { from: offset }),
        onRead(nextOffset) {
          offset = nextOffset;
          onRead();
        },
      });
      if (read === undefined || !isFresh({ takenMs }, topic, clock.now())) return false;
      offset = read.nextOffset;
      takenMs = startedMs;
      return true;
    },
  };
}
