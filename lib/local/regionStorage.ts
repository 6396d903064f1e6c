import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { memoryStorage } from '../storage/memory/memory.ts';
import type { ObjectStore, Storage } from '../storage/ports.ts';
import { openStorage, type StorageOptions } from './storage.ts';

export interface RegionStorage {
  /** Items, which all regions share; its objects are not used. */
  readonly items: Storage;
  /** By region. */
  readonly objects: ReadonlyMap<string, ObjectStore>;
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
): Promise<RegionStorage> {
  const opened: Storage[] = [];
  const close = async () => {
    for (const each of opened) await each.close();
  };
  const keep = (each: Storage): Storage => {
    opened.push(each);
    return each;
  };
  const inRegion = async (name: string): Promise<Storage> => {
    if (!('kind' in storage) || storage.kind !== 'embedded') return keep(memoryStorage());
    return keep(await openStorage({ ...storage, directory: join(storage.directory, FOLDER, name) }));
  };
  if ('kind' in storage) checkKind(storage, names);
  try {
    // Before the items: so a directory with items, and without regions, is one of a cluster without.
    const objects = new Map<string, ObjectStore>();
    for (const name of names) objects.set(name, (await inRegion(name)).objects);
    const items = keep('kind' in storage ? await openStorage(storage) : storage);
    return { items, objects, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function checkKind(storage: StorageOptions, names: readonly string[]): void {
  if (storage.kind === 'aws')
    throw new Error('--regions plays regions on this machine: take the embedded storage, or memory');
  if (storage.kind === 'memory') return;
  const { directory } = storage;
  const found = regionsIn(directory);
  if (found.length === 0 && existsSync(join(directory, 'items.sqlite')))
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
