import type { CommitOffset } from '../../group/groups.ts';
import { isKafkaError, refusal } from '../clientError.ts';
import { find, type Holdings, uncommitted } from './holdings.ts';
import type { Instance } from './instance.ts';

export interface Committer {
  /** What the loop is done with, unless it is committed. */
  finished(): Promise<void>;
  offsets(offsets: readonly CommitOffset[]): Promise<void>;
}

/** One commit at a time, so that none takes a later one back. */
export function createCommitter(
  holdings: Holdings,
  instance: () => Instance | undefined,
  signal: AbortSignal,
): Committer {
  let last: Promise<unknown> = Promise.resolve();

  function inTurn(run: () => Promise<void>): Promise<void> {
    const turn = last.then(run);
    last = turn.catch(() => undefined);
    return turn;
  }

  async function commit(offsets: readonly CommitOffset[]): Promise<void> {
    const current = instance();
    if (current === undefined) throw refusal('UNKNOWN_MEMBER_ID', 'The consumer is in no group');
    await current.commit(offsets, { signal });
  }

  return {
    finished: () =>
      inTurn(async () => {
        const pending = uncommitted(holdings);
        if (pending.length === 0) return;
        await commit(pending.map(({ holding: _, ...offset }) => offset));
        for (const { holding, offset } of pending) holding.committed = offset;
      }),
    offsets: (offsets) =>
      inTurn(async () => {
        await commit(offsets);
        for (const each of offsets) {
          const holding = find(holdings, each);
          if (holding !== undefined) holding.committed = each.offset;
        }
      }),
  };
}

/** Somebody else has the partition, or the session is over: a heartbeat tells more. */
export function isFenced(error: unknown): boolean {
  return isKafkaError(error, 'FENCED_MEMBER_EPOCH') || isKafkaError(error, 'UNKNOWN_MEMBER_ID');
}
