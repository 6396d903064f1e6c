import type { Clock } from '../../lib/clock.ts';
import { type BlobName, blobName } from '../../lib/log/blob.ts';
import { DUE_PK, parseDueKey, parseUnit, type Unit } from '../../lib/log/due.ts';
import { decodeIndexRow } from '../../lib/log/indexRow.ts';
import type { Action, Item, Key, WriteOutcome } from '../../lib/storage/ports.ts';
import type { Call } from '../support/faults.ts';

/** What has to be known of a run to judge what workers have done in it. */
export interface UpkeepWatch {
  /** Of a call that has landed. */
  note(call: Call, result: unknown, clock: Clock, nowMs: number): void;
  /** Of one whose caller was told that it failed. */
  failed(call: Call): void;
  /** Moves of a log start, and what time it was for who asked for it. */
  readonly starts: { readonly partition: string; readonly atMs: number; readonly clockMs: number }[];
  /** Blobs that an index row has named. */
  readonly named: Set<BlobName>;
  /** Groups of items in the log's store that there may be. */
  readonly groups: Set<string>;
  /** Units that were to be made due by who does not try again. */
  readonly missed: Set<Unit>;
}

export function watchUpkeep(): UpkeepWatch {
  const watch: Omit<UpkeepWatch, 'note' | 'failed'> = {
    starts: [],
    named: new Set(),
    groups: new Set(),
    missed: new Set(),
  };
  return {
    ...watch,
    note({ store, operation, args }, result, clock, nowMs) {
      if (store !== 'log' || (operation !== 'put' && operation !== 'update')) return;
      const item = args[0] as Key & Item;
      watch.groups.add(item.pk);
      const [kind, topicId] = item.pk.split('/');
      const { applied } = result as WriteOutcome;
      if (applied && kind === 'index' && operation === 'put') {
        const row = decodeIndexRow(item, 0);
        if (row.absorbed === undefined) for (const { blob } of row.slices) watch.named.add(blobName(blob.id));
      }
      if (applied && kind === 'head' && operation === 'update') {
        for (const partition of startsIn(args[1] as readonly Action[]))
          watch.starts.push({ partition: `${topicId}/${partition}`, atMs: nowMs, clockMs: clock.now() });
      }
    },
    failed({ store, operation, args }) {
      const { pk, sk } = args[0] as Key;
      if (store !== 'log' || operation !== 'put' || pk !== DUE_PK) return;
      const { unit } = parseDueKey({ sk });
      const { kind } = parseUnit(unit);
      if (kind === 'head' || kind === 'garbage') watch.missed.add(unit);
    },
  };
}

/** Partitions whose log start an update raises. */
function startsIn(actions: readonly Action[]): string[] {
  const paths = actions.map((action) => ('set' in action ? action.set : []));
  return paths.filter(([name]) => name === 'start').map(([, partition]) => String(partition));
}
