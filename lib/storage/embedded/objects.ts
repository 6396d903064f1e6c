import { randomUUID } from 'node:crypto';
import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readSync, rmSync, statSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type ObjectPage, type ObjectStore, StorageError } from '../ports.ts';
import { compareUtf8 } from '../value.ts';

/** A file in `incoming` that is this old belongs to no put that still runs, in this process or another. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;

/**
 * Objects as files, each at the path that its key spells; no key may be a folder of another. An object is written
 * under another name and then renamed, so it is there as a whole or not at all.
 */
export function openObjects(directory: string, incoming: string, fsync: boolean): ObjectStore {
  mkdirSync(directory, { recursive: true });
  mkdirSync(incoming, { recursive: true });
  removeAbandoned(incoming);

  const write = async (path: string, chunks: readonly Uint8Array[]) => {
    const file = await open(path, 'wx');
    try {
      const bytes = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
      const bytesWritten = bytes && (await file.writev(chunks)).bytesWritten;
      if (bytesWritten !== bytes) throw new Error(`${bytesWritten} of ${bytes} bytes written`);
      if (fsync) await file.datasync();
    } finally {
      await file.close();
    }
  };

  return {
    async put(key, chunks) {
      const path = join(directory, pathOf(key));
      const temporary = join(incoming, randomUUID());
      let applied: StorageError['applied'] = 'no';
      try {
        await write(temporary, chunks);
        applied = 'unknown';
        await rename(temporary, path).catch(async (error) => {
          if (!isMissing(error)) throw error;
          await mkdir(dirname(path), { recursive: true });
          await rename(temporary, path);
        });
        if (fsync) await syncFolders(dirname(path), directory);
      } catch (error) {
        await rm(temporary, { force: true });
        throw new StorageError(`cannot write object ${key}`, applied, error);
      }
    },

    // Synchronous: from the page cache that takes 10 microseconds, an asynchronous read at least ten times as long.
    async get(key, range) {
      const path = join(directory, pathOf(key));
      try {
        const file = openSync(path, 'r');
        try {
          const { size } = fstatSync(file);
          const position = Math.min(range?.position ?? 0, size);
          const bytes = new Uint8Array(Math.min(range?.length ?? size, size - position));
          const bytesRead = readSync(file, bytes, { position });
          if (bytesRead !== bytes.length) throw new Error(`${bytesRead} of ${bytes.length} bytes read`);
          return bytes;
        } finally {
          closeSync(file);
        }
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw new StorageError(`cannot read object ${key}`, 'no', error);
      }
    },

    async list(prefix, { after, limit }) {
      const objects: ObjectPage['objects'] = [];
      for await (const key of keysBelow(directory, '', prefix, after)) {
        const bytes = await stat(join(directory, pathOf(key))).then(({ size }) => size, missingAsUndefined);
        if (bytes === undefined) continue;
        objects.push({ key, bytes });
        if (objects.length === limit) return { objects, next: key };
      }
      return { objects };
    },

    async delete(keys) {
      const paths = keys.map((key) => join(directory, pathOf(key)));
      try {
        await Promise.all(paths.map((path) => rm(path, { force: true })));
      } catch (error) {
        throw new StorageError('cannot delete objects', 'unknown', error);
      }
    },
  };
}

/** The path below the store's directory, the same on every file system. */
function pathOf(key: string): string {
  const parts = key.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new TypeError(`not an object key: ${JSON.stringify(key)}`);
  }
  return join(...parts.map(encodeURIComponent));
}

/** The keys in order that start with `prefix` and come after `after`; `folder` ends with a slash or is empty. */
async function* keysBelow(
  directory: string,
  folder: string,
  prefix: string,
  after: string | undefined,
): AsyncGenerator<string> {
  const entries = await readdir(join(directory, ...folder.split('/').map(encodeURIComponent)), {
    withFileTypes: true,
  }).catch(missingAsUndefined);
  const keys = (entries ?? []).map(
    (entry) => `${folder}${decodeURIComponent(entry.name)}${entry.isDirectory() ? '/' : ''}`,
  );
  for (const key of keys.sort(compareUtf8)) {
    if (key.endsWith('/')) {
      const mayHold = key.startsWith(prefix) || prefix.startsWith(key);
      const isPassed = after !== undefined && compareUtf8(key, after) < 0 && !after.startsWith(key);
      if (mayHold && !isPassed) yield* keysBelow(directory, key, prefix, after);
    } else if (key.startsWith(prefix) && (after === undefined || compareUtf8(key, after) > 0)) {
      yield key;
    }
  }
}

/** The folder and those above it, up to `top`: any of them may be new. */
async function syncFolders(folder: string, top: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (folder !== top) await syncFolders(dirname(folder), top);
}

function removeAbandoned(incoming: string): void {
  for (const name of readdirSync(incoming)) {
    const path = join(incoming, name);
    const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: Number.POSITIVE_INFINITY };
    if (mtimeMs < Date.now() - ABANDONED_MS) rmSync(path, { force: true });
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function missingAsUndefined(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}
