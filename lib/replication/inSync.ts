import type { Item, Key, Value } from '../storage/ports.ts';

/**
 * `in-sync`: has all that was acknowledged with acks=all. `joining`: is given all that is appended from `sinceEpoch` on, and still
 * lacks some of what was before. `out`: is given nothing, for it failed or lagged.
 */
export type RegionState = 'in-sync' | 'joining' | 'out';

export interface RegionStanding {
  readonly state: RegionState;
  /** The epoch from which on it is in that state. */
  readonly sinceEpoch: number;
  readonly sinceMs: number;
}

/**
 * Which regions are in sync: one item of the log table, that is only changed on the condition of its epoch.
 *
 *     pk 'in-sync'   sk 'cluster'
 *     epoch     counts the changes
 *     regions   map, by name: {state, sinceEpoch, sinceMs}
 */
export interface InSync {
  readonly epoch: number;
  readonly regions: ReadonlyMap<string, RegionStanding>;
}

export const IN_SYNC_KEY: Key = { pk: 'in-sync', sk: 'cluster' };

export function inSyncItem({ epoch, regions }: InSync): Item {
  return { ...IN_SYNC_KEY, epoch, regions: Object.fromEntries(regions) as unknown as Value };
}

export function parseInSync(item: Item): InSync {
  const regions = Object.entries(item.regions as unknown as Record<string, RegionStanding>);
  return { epoch: item.epoch as number, regions: new Map(regions) };
}

/** Of a cluster that nothing was written to yet all are in sync; of one that had a single region so far only that, the first. */
export function firstInSync(names: readonly string[], isNew: boolean, now: number): InSync {
  const standing = (i: number): RegionStanding => ({
    state: isNew || i === 0 ? 'in-sync' : 'out',
    sinceEpoch: 1,
    sinceMs: now,
  });
  return { epoch: 1, regions: new Map(names.map((name, i) => [name, standing(i)])) };
}

/** One that the configuration names and the item does not was added since. */
export function stateOf({ regions }: InSync, name: string): RegionState {
  return regions.get(name)?.state ?? 'out';
}

/** Of these regions, those that an append must reach. */
export function required(inSync: InSync, names: readonly string[]): string[] {
  return names.filter((name) => stateOf(inSync, name) !== 'out');
}

/** Of these regions, those that count for `min.insync.replicas`. */
export function inSyncOf(inSync: InSync, names: readonly string[]): string[] {
  return names.filter((name) => stateOf(inSync, name) === 'in-sync');
}

/** Without these regions; `undefined` if they are out already, or if nobody would be left in sync. */
export function leave(inSync: InSync, names: readonly string[], now: number): InSync | undefined {
  const leaving = names.filter((name) => stateOf(inSync, name) !== 'out');
  const left = [...inSync.regions.keys()].filter((name) => !names.includes(name));
  if (leaving.length === 0 || inSyncOf(inSync, left).length === 0) return undefined;
  return changed(inSync, leaving, 'out', now);
}

/** From this epoch on every append must reach it; `undefined` if it is not out. */
export function beginJoin(inSync: InSync, name: string, now: number): InSync | undefined {
  return stateOf(inSync, name) === 'out' ? changed(inSync, [name], 'joining', now) : undefined;
}

/**
 * It has what was appended before it began, at `sinceEpoch`, to join; `undefined` if it has left since then. Every head takes
 * only what was appended as of that epoch or a later one.
 */
export function completeJoin(
  inSync: InSync,
  name: string,
  sinceEpoch: number,
  now: number,
): InSync | undefined {
  const standing = inSync.regions.get(name);
  if (standing?.state !== 'joining' || standing.sinceEpoch !== sinceEpoch) return undefined;
  return changed(inSync, [name], 'in-sync', now);
}

/**
 * Whether a region that was compared with the others, as of `sinceEpoch`, has been given all that was acknowledged of a topic that
 * `others` have, too: one of them was in sync all the time; or none was left out, for then one of them has what the last one in sync had.
 */
export function isGiven({ regions }: InSync, others: readonly string[], sinceEpoch: number): boolean {
  const wasThere = (name: string, state?: RegionState) => {
    const standing = regions.get(name);
    if (standing === undefined || standing.state === 'out' || standing.sinceEpoch > sinceEpoch) return false;
    return state === undefined || standing.state === state;
  };
  return others.some((name) => wasThere(name, 'in-sync')) || others.every((name) => wasThere(name));
}

function changed(inSync: InSync, names: readonly string[], state: RegionState, now: number): InSync {
  const epoch = inSync.epoch + 1;
  const regions = new Map(inSync.regions);
  for (const name of names) regions.set(name, { state, sinceEpoch: epoch, sinceMs: now });
  return { epoch, regions };
}
