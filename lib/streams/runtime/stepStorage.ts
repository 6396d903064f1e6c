import type { Clock } from '../../clock.ts';
import { withRetries } from '../../log/retry.ts';
import type { ObjectStore } from '../../storage/ports.ts';
import { encodeStep, type StepAppend } from './stepBlob.ts';
import type { TaskState } from './taskItem.ts';

/** Where a task's steps rest until it is known that they were applied: in its item or, if they are larger, each in an object. See `storedStep`. */
export interface StepStorage {
  /** What the item is to say of the step behind this one. */
  keep(mine: TaskState, appends: readonly StepAppend[]): Promise<Pick<TaskState, 'pending' | 'blob'>>;
  /** The step is applied: what it was written in is of no use to anybody. */
  forget(mine: Pick<TaskState, 'blob'>): Promise<void>;
  /**
   * What was written by whoever died before the commit, and can be committed no more: the epoch of its lease is over. If it fails, while a region is
   * down, say, the next to take the task does it.
   */
  forgetOrphans(mine: Pick<TaskState, 'epoch' | 'blob'>): Promise<void>;
}

export interface StepStorageContext {
  readonly objects: Pick<ObjectStore, 'put' | 'list' | 'delete'>;
  readonly clock: Clock;
  readonly inlineBytes: number;
  /**
   * How long the object of a step that was applied is kept: 0, but where items are replicated with a lag. There a new home may begin with an item that
   * says of a step that it is to be applied, though that was done and told of since.
   */
  readonly keepMs: number;
}

const OBJECTS_PER_PAGE = 1_000;
/** Of one look for orphans; what is left the next one finds. */
const MAX_PAGES = 10;

/** Of an epoch in a key, so that the objects of a task are listed in the order of its epochs. */
const EPOCH_DIGITS = 16;

/** Objects are `<prefix><epoch>-<step>-<when it was written, ms>`. */
export function createStepStorage(
  { objects, clock, inlineBytes, keepMs }: StepStorageContext,
  prefix: string,
): StepStorage {
  return {
    async keep({ epoch, step }, appends) {
      const chunks = encodeStep(appends);
      const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
      if (bytes <= inlineBytes) return { pending: new Uint8Array(Buffer.concat(chunks)), blob: undefined };
      const blob = `${prefix}${String(epoch).padStart(EPOCH_DIGITS, '0')}-${step + 1}-${clock.now()}`;
      await withRetries(clock, () => objects.put(blob, chunks));
      return { pending: undefined, blob };
    },

    async forget({ blob }) {
      if (blob !== undefined && keepMs === 0) await objects.delete([blob]).catch(() => undefined);
    },

    async forgetOrphans({ epoch, blob }) {
      // Without a wait clocks have no say: they may disagree.
      const writtenByMs = keepMs === 0 ? Number.POSITIVE_INFINITY : clock.now() - keepMs;
      let after: string | undefined;
      for (let page = 0; page < MAX_PAGES; page++) {
        const found = await objects.list(prefix, { limit: OBJECTS_PER_PAGE, ...(after && { after }) });
        const orphans = found.objects
          .map(({ key }) => key)
          .filter((key) => key !== blob && isOrphan(key.slice(prefix.length), epoch, writtenByMs));
        if (orphans.length > 0) await objects.delete(orphans);
        after = found.next;
        // Where steps are kept for a while, what is behind is younger.
        if (after === undefined || orphans.length === 0) return;
      }
    },
  };
}

function isOrphan(name: string, currentEpoch: number, writtenByMs: number): boolean {
  const [epoch, , writtenMs = 0] = name.split('-').map(Number) as [number, number, number?];
  return epoch < currentEpoch && writtenMs <= writtenByMs;
}
