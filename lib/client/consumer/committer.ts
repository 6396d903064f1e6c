import { type ClientError, isKafkaError, refusal } from '../clientError.ts';
import { find, type Holding, type Holdings, isHeld, uncommitted } from './holdings.ts';
import type { Instance } from './instance.ts';
import type { CommitOffset, PartitionName } from './partitions.ts';

export interface Committer {
  /** All positions that are not committed yet. Throws FENCED_MEMBER_EPOCH if `needed` is not held any more. */
  positions(needed?: Holding): Promise<void>;
  offsets(offsets: readonly CommitOffset[]): Promise<void>;
}

/** One commit at a time, so that none takes a later one back. `instance` may throw. */
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
    positions: (needed) =>
      inTurn(async () => {
        const pending = uncommitted(holdings);
        const isLost = needed !== undefined && !isHeld(holdings, needed);
        if (pending.length > 0) await commit(pending.map(({ holding: _, ...offset }) => offset));
        for (const { holding, offset } of pending) holding.committed = offset;
        if (isLost) throw notHeld(needed);
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

export function notHeld({ topic, partition }: PartitionName): ClientError {
  const message = `Partition ${partition} of topic '${topic}' is not assigned to this consumer`;
  return refusal('FENCED_MEMBER_EPOCH', message);
}

const FENCED = ['FENCED_MEMBER_EPOCH', 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID'] as const;

/** Somebody else has the partition, or the name; or the session is over: a heartbeat tells more. */
export function isFenced(error: unknown): boolean {
  return FENCED.some((name) => isKafkaError(error, name));
}
