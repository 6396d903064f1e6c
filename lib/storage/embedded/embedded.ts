import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ScannableStorage } from '../ports.ts';
import { openDatabase } from './database.ts';
import { openFiles } from './files.ts';
import { openItems } from './items.ts';
import { openObjects } from './objects.ts';

export interface EmbeddedOptions {
  /** Made if it is missing. Several processes may share it. */
  directory: string;
  /**
   * Without it, what was acknowledged survives the end of the process (`kill -9` too), but not always a loss of
   * power; with it, every write waits for the disk.
   */
  fsync?: boolean;
}

/**
 * Storage in a directory: items and small objects in SQLite, large objects as files. Throws if the directory cannot be
 * used or holds another version's format. Byte arrays are stored and returned without a copy where possible: neither
 * side changes them.
 */
export function embeddedStorage({ directory, fsync = false }: EmbeddedOptions): ScannableStorage {
  mkdirSync(directory, { recursive: true });
  const database = openDatabase(join(directory, 'items.sqlite'), fsync);
  const files = openFiles(join(directory, 'objects'), fsync);
  return {
    objects: openObjects(database, files),
    log: openItems(database, 'log'),
    metadata: openItems(database, 'metadata'),
    groups: openItems(database, 'groups'),
    close: async () => database.close(),
  };
}
