import type { ProcessorContext, ProcessorSupplier } from '../../processor/processor.ts';
import { requireSync } from '../../processor/requireSync.ts';
import type { StreamRecord } from '../../record.ts';
import type { JoinStore } from '../../state/joinStore.ts';
import type { JoinSide, UnmatchedStore } from '../../state/unmatchedStore.ts';
import type { JoinWindows } from '../../windows/joinWindows.ts';
import { stateless } from '../stateless.ts';

/** A record, and which of the two streams it is of. */
export interface Sided<V> {
  readonly side: JoinSide;
  readonly value: V | null;
}

/** Both streams' records go to one processor: so they have one stream time. */
export const sided = <K, V>(side: JoinSide) =>
  stateless<K, V | null, K, Sided<V>>((record, forward) =>
    forward({ ...record, value: { side, value: record.value } }),
  );

export interface StreamJoinOptions<K, L, R, VR> {
  readonly windows: JoinWindows;
  readonly stores: Readonly<Record<JoinSide, string>>;
  /** Of records that are told alone, if they meet no other; left out by an inner join. */
  readonly unmatchedStore: string | undefined;
  readonly isToldAlone: Readonly<Record<JoinSide, boolean>>;
  readonly joiner: (left: L | undefined, right: R | undefined, key: K) => VR;
}

/** How long behind stream time a record of either side may come, and how long both are kept, in ms. */
export function joinTimes({ beforeMs, afterMs, graceMs }: JoinWindows) {
  const open = { left: Math.max(0, afterMs) + graceMs, right: Math.max(0, beforeMs) + graceMs };
  // A record may meet another that is as far off as the window allows, and comes as late as it may.
  return { open, retentionMs: Math.max(0, afterMs) + Math.max(0, beforeMs) + graceMs };
}

/**
 * Kafka's KStreamKStreamJoin. A record meets all of the other stream that are within its window, those that came before it and those to come; its
 * window closes when stream time, of both streams, is past its end and the grace (JoinWindows, KIP-633), and one that comes then is dropped.
 * Of a left or outer join, what has met none is told alone, once, when its window closes (KAFKA-10847), and meets none from then on. Without a
 * value a record is dropped, as it is without a key, unless it is told alone: then it is so at once (KIP-962).
 */
export function streamJoin<K, L, R, VR>(
  options: StreamJoinOptions<K, L, R, VR>,
): ProcessorSupplier<K | null, Sided<L | R>, K | null, VR> {
  const { windows, unmatchedStore, isToldAlone } = options;
  const { beforeMs, afterMs } = windows;
  const { open, retentionMs } = joinTimes(windows);
  const within = { left: [beforeMs, afterMs], right: [afterMs, beforeMs] } as const;

  return () => {
    let context: ProcessorContext<K | null, VR>;
    let stores: Record<JoinSide, JoinStore<K, L | R>>;
    let unmatched: UnmatchedStore | undefined;

    /** `own` is of that side. Whatever the key is, the joiner may read it only. */
    const joined = (side: JoinSide, own: L | R, other: L | R | undefined, key: K | null): VR =>
      requireSync(
        side === 'left'
          ? options.joiner(own as L, other as R | undefined, key as K)
          : options.joiner(other as L | undefined, own as R, key as K),
      );

    function tellClosed(now: number): void {
      const last = now - Math.min(open.left, open.right);
      for (const each of unmatched?.before(last) ?? []) {
        const { side, timestamp, id } = each;
        if (timestamp + open[side] >= now) continue;
        unmatched!.delete(each);
        const { key, value } = stores[side].get(id)!;
        stores[side].delete(id);
        context.forward({ key, value: joined(side, value, undefined, key), timestamp, headers: [] });
      }
    }

    function meet(record: StreamRecord<K | null, Sided<L | R>>, key: K, side: JoinSide, own: L | R): void {
      const { timestamp } = record;
      const other = side === 'left' ? 'right' : 'left';
      const [before, after] = within[side];
      const found = stores[other].fetch(key, timestamp - before, timestamp + after);
      const id = stores[side].put(key, timestamp, own);
      if (found.length === 0 && isToldAlone[side]) unmatched?.put({ side, timestamp, id });
      for (const each of found) {
        unmatched?.delete({ side: other, timestamp: each.timestamp, id: each.id });
        const latest = Math.max(timestamp, each.timestamp);
        context.forward({ ...record, value: joined(side, own, each.value, key), timestamp: latest });
      }
    }

    return {
      init(given) {
        context = given;
        const { left, right } = options.stores;
        stores = { left: given.getStateStore(left), right: given.getStateStore(right) };
        if (unmatchedStore !== undefined) unmatched = given.getStateStore(unmatchedStore);
      },
      process(record) {
        const { key, timestamp } = record;
        const { side, value } = record.value;
        const now = context.observe(timestamp);
        tellClosed(now);
        for (const store of [stores.left, stores.right]) store.expire(now - retentionMs);
        if (value === null || value === undefined) return context.drop();
        if (key === null || key === undefined) {
          if (!isToldAlone[side]) return context.drop();
          context.forward({ ...record, value: joined(side, value, undefined, key) });
        } else if (timestamp + open[side] < now) context.drop();
        else meet(record, key, side, value);
      },
    };
  };
}
