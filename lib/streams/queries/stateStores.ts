import { WadiError } from '../../errors.ts';
import { withRetries } from '../../log/retry.ts';
import { LruCache } from '../../lruCache.ts';
import type { ItemStore } from '../../storage/ports.ts';
import type { Topic } from '../../topic/topic.ts';
import type { Snapshot } from '../runtime/snapshot.ts';
import { parseTask, taskKey } from '../runtime/taskItem.ts';
import type { StoreShape } from '../state/store.ts';
import { inTurns } from './inTurns.ts';
import { QUERY_LIMITS, type QueryLimits } from './limits.ts';
import { type CopyContext, createStoreCopy, type StoreCopy } from './storeCopy.ts';

/** A store that is to be looked into. */
export interface QueriedStore {
  readonly applicationId: string;
  readonly subtopology: number;
  readonly name: string;
  readonly shape: StoreShape;
  readonly changelog: Topic;
}

/** The stores of streams applications, as any process can see them: what was committed and applied. */
export interface StateStores {
  readonly limits: QueryLimits;
  /**
   * A partition as of all that was in its changelog when this was called; to be read before anything else is awaited. It is restored if it is not at
   * hand, and kept. Throws REQUEST_TIMED_OUT if that is not done at `deadlineMs`, after which the next call goes on with it; POLICY_VIOLATION if it takes more memory than there is;
   * StorageError; and as `Log.fetch`.
   */
  open(store: QueriedStore, partition: number, deadlineMs: number): Promise<StoreCopy>;
}

export interface StateStoresContext extends CopyContext {
  /** Of groups: where tasks say what their last snapshot is. */
  readonly items: ItemStore;
  readonly limits?: QueryLimits;
}

/** How often a copy that is of no use is begun anew, before it is said that it cannot be had. */
const ATTEMPTS = 3;
/** What is remembered of a partition without rows. */
const COPY_BYTES = 2_000;

type Open = (asked: { readonly changelog: Topic; readonly deadlineMs: number }) => Promise<StoreCopy>;

export function createStateStores(context: StateStoresContext): StateStores {
  const { items, clock, limits = QUERY_LIMITS } = context;
  const opened = new LruCache<string, { readonly open: Open; readonly bytes: number }>(
    limits.memoryBytes,
    ({ bytes }) => bytes,
  );

  async function snapshotOf(store: QueriedStore, partition: number): Promise<Snapshot | undefined> {
    const key = taskKey(store.applicationId, { subtopology: store.subtopology, partition });
    return parseTask(await withRetries(clock, () => items.get(key))).snapshot;
  }

  function opener(key: string, store: QueriedStore, partition: number): Open {
    const told = `Partition ${partition} of store '${store.name}'`;
    let copy: StoreCopy | undefined;

    const open = inTurns<Parameters<Open>[0], StoreCopy>(async ({ changelog, deadlineMs }) => {
      function requireTime(): void {
        if (clock.now() < deadlineMs) return;
        const message = `${told} is being restored, ${copy?.rows ?? 0} rows so far: ask again.`;
        throw new WadiError('REQUEST_TIMED_OUT', message);
      }
      function onRead(): void {
        keep();
        if (copy!.bytes > limits.memoryBytes) {
          copy = undefined;
          const message = `${told} takes more than the ${limits.memoryBytes} bytes of memory that there are for stores.`;
          throw new WadiError('POLICY_VIOLATION', message, { field: 'store_name' });
        }
        requireTime();
      }
      requireTime();
      let useless: Snapshot | undefined;
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (copy === undefined) {
          const snapshot = await snapshotOf(store, partition);
          const isOther = snapshot?.prefix !== useless?.prefix;
          copy = createStoreCopy(context, store, partition, changelog, isOther ? snapshot : undefined);
          useless = snapshot;
        }
        if (await copy.catchUp(changelog, onRead)) {
          keep();
          return copy;
        }
        copy = undefined;
      }
      throw new WadiError('KAFKA_STORAGE_ERROR', `${told} changes faster than it can be read: ask again.`);
    });

    function keep(): void {
      opened.set(key, { open, bytes: COPY_BYTES + (copy?.bytes ?? 0) });
    }
    keep();
    return open;
  }

  return {
    limits,
    open(store, partition, deadlineMs) {
      const { changelog, shape } = store;
      // Made anew, it is another; and so it is if the application tells of it otherwise.
      const key = `${changelog.id}/${partition}/${JSON.stringify(shape)}`;
      const open = opened.get(key)?.open ?? opener(key, store, partition);
      return open({ changelog, deadlineMs });
    },
  };
}
