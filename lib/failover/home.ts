import type { Item, Key } from '../storage/ports.ts';

/**
 * Of a cluster whose items are replicated with a lag (a global table of eventual consistency): which region writes them. In each region's
 * own copy of the metadata table, an item of the region's own, so that no copy of it ever comes from elsewhere:
 *
 *     pk 'home'   sk the region
 *     epoch   counts the failovers
 *     home    the region that writes from that epoch on
 *     ready   whether it has begun to
 *     by      drawn by the failover that says so: two of them never share an epoch
 *     before  {epoch, home}: who did before, if it has not
 *
 * A region is home when most regions say the same. Where the item is missing, it is the first region, in epoch 1.
 */
export interface Home {
  readonly epoch: number;
  readonly home: string;
  readonly ready: boolean;
  readonly by: string;
  readonly before?: Pick<Home, 'epoch' | 'home'>;
}

export function homeKey(region: string): Key {
  return { pk: 'home', sk: region };
}

export function homeItem(region: string, { epoch, home, ready, by, before }: Home): Item {
  return { ...homeKey(region), epoch, home, ready, by, ...(before && { before: { ...before } }) };
}

export function parseHome(item: Item | undefined, first: string): Home {
  if (item === undefined) return { epoch: 1, home: first, ready: true, by: '' };
  const { epoch, home, ready, by, before } = item as Item & Home;
  return { epoch, home, ready, by, ...(before && { before }) };
}

/** Of what regions say. */
export function latest(said: readonly Home[]): Home {
  return said.reduce((a, b) => (b.epoch > a.epoch || (b.epoch === a.epoch && b.ready) ? b : a));
}

export function majorityOf(regions: number): number {
  return Math.floor(regions / 2) + 1;
}

/** What most of so many regions say alike, if there is such. */
export function agreed(said: readonly Home[], regions: number): Home | undefined {
  return said.find((home) => said.filter((other) => isSame(home, other)).length >= majorityOf(regions));
}

export function isSame(a: Home, b: Home): boolean {
  return a.epoch === b.epoch && a.by === b.by && a.ready === b.ready;
}

/** Who was home last, and had begun to be. */
export function lastReady(home: Home): Pick<Home, 'epoch' | 'home'> {
  return home.ready || home.before === undefined ? { epoch: home.epoch, home: home.home } : home.before;
}
