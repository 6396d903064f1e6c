import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { memoryStorage } from '../storage/memory/memory.ts';
import type { ScannableStorage, Storage } from '../storage/ports.ts';
import { openStorage, type StorageOptions } from './storage.ts';

export interface RegionStorage {
  /** Items, which all regions share; its objects are not used. */
  readonly items: Storage | undefined;
  /** Each region's own: its objects, and its copy of the items, where they are not shared. */
  readonly byRegion: ReadonlyMap<string, ScannableStorage>;
  close(): Promise<void>;
}

/** Of a directory: the items are where those of a single region are, the objects of region b in `regions/b`. */
const FOLDER = 'regions';

/**
 * Opens what regions rest on that are all on this machine. Throws an Error for the aws storage, whose regions are those of AWS, and for a
 * directory whose objects are elsewhere: of a cluster without regions, or of a region that is not named.
 */
export async function openRegionStorage(
  storage: Storage | StorageOptions,
  names: readonly string[],
  { shared }: { readonly shared: boolean },
): Promise<RegionStorage> {
  const opened: Storage[] = [];
  const close = async () => {
    for (const each of opened) await each.close();
  };
  const keep = <T extends Storage>(each: T): T => {
    opened.push(each);
    return each;
  };
  const inRegion = async (name: string): Promise<ScannableStorage> => {
    if (!('kind' in storage) || storage.kind !== 'embedded') return keep(memoryStorage());
    const { embeddedStorage } = await import('../storage/embedded/embedded.ts');
    const { directory, fsync = false } = storage;
    return keep(embeddedStorage({ directory: join(directory, FOLDER, name), fsync }));
  };
  if ('kind' in storage) checkKind(storage, names, shared);
  try {
    // Before the items: so a directory with items, and without regions, is one of a cluster without.
    const byRegion = new Map<string, ScannableStorage>();
    for (const name of names) byRegion.set(name, await inRegion(name));
    const items = shared ? keep('kind' in storage ? await openStorage(storage) : storage) : undefined;
    return { items, byRegion, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function checkKind(storage: StorageOptions, names: readonly string[], shared: boolean): void {
  if (storage.kind === 'aws')
    throw new Error('--regions plays regions on this machine: take the embedded storage, or memory');
  if (storage.kind === 'memory') return;
  const { directory } = storage;
  const found = regionsIn(directory);
  const sharesItems = existsSync(join(directory, 'items.sqlite'));
  if (found.length > 0 && sharesItems !== shared)
    throw new Error(
      sharesItems
        ? `${directory} holds regions that share their items: leave out --consistency eventual`
        : `${directory} holds regions with a copy of the items each: give --consistency eventual`,
    );
  if (found.length === 0 && sharesItems)
    throw new Error(`${directory} holds a cluster without regions: take another --data`);
  const left = found.filter((name) => !names.includes(name));
  if (left.length > 0) throw new Error(`${directory} holds regions that --regions leaves out: ${left}`);
}

/** Throws an Error for the directory of a cluster of regions. */
export function requireNoRegions(storage: Storage | StorageOptions): void {
  if (!('kind' in storage) || storage.kind !== 'embedded') return;
  const found = regionsIn(storage.directory);
  if (found.length > 0) throw new Error(`${storage.directory} holds several regions: --regions ${found}`);
}

function regionsIn(directory: string): string[] {
  const folder = join(directory, FOLDER);
  return existsSync(folder) ? readdirSync(folder).toSorted() : [];
}
