import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StorageError } from '../ports.ts';

/** A file that is this old and not named by any row belongs to no put that still runs, in this process or another. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;

/** Files of one directory, each written once, under a name of its own. */
export interface Files {
  /** Returns the new file's name when all of it is there. */
  write(chunks: readonly Uint8Array[]): Promise<string>;
  /** The bytes, as far as the file goes; `undefined` if there is no such file. */
  read(name: string, range: { position: number; length: number }): Uint8Array | undefined;
  /** Missing ones are no error. */
  remove(names: readonly string[]): Promise<void>;
  /** Removes what a crash left behind: old files that are not in use. */
  removeAbandoned(isInUse: (name: string) => boolean): void;
}

export function openFiles(directory: string, fsync: boolean): Files {
  mkdirSync(directory, { recursive: true });
  if (fsync) syncFolder(dirname(directory));

  return {
    async write(chunks) {
      const name = randomUUID();
      const path = join(directory, name);
      try {
        const file = await open(path, 'wx');
        try {
          const bytes = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
          const { bytesWritten } = await file.writev(chunks);
          if (bytesWritten !== bytes) throw new Error(`${bytesWritten} of ${bytes} bytes written`);
          if (fsync) await file.datasync();
        } finally {
          await file.close();
        }
        if (fsync) await syncFolderAsync(directory);
        return name;
      } catch (error) {
        await rm(path, { force: true });
        throw new StorageError(`cannot write ${path}`, 'no', error);
      }
    },

    // Synchronous: from the page cache that takes 10 microseconds, an asynchronous read at least ten times as long.
    read(name, range) {
      const path = join(directory, name);
      try {
        const file = openSync(path, 'r');
        try {
          const { size } = fstatSync(file);
          const position = Math.min(range.position, size);
          const bytes = new Uint8Array(Math.min(range.length, size - position));
          const bytesRead = readSync(file, bytes, { position });
          if (bytesRead !== bytes.length) throw new Error(`${bytesRead} of ${bytes.length} bytes read`);
          return bytes;
        } finally {
          closeSync(file);
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw new StorageError(`cannot read ${path}`, 'no', error);
      }
    },

    async remove(names) {
      try {
        await Promise.all(names.map((name) => rm(join(directory, name), { force: true })));
      } catch (error) {
        throw new StorageError(`cannot remove files in ${directory}`, 'unknown', error);
      }
    },

    removeAbandoned(isInUse) {
      const since = Date.now() - ABANDONED_MS;
      for (const name of readdirSync(directory)) {
        if (isInUse(name)) continue;
        const path = join(directory, name);
        const found = statSync(path, { throwIfNoEntry: false });
        if (found && found.mtimeMs < since) rmSync(path, { force: true });
      }
    },
  };
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

async function syncFolderAsync(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
