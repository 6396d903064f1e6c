import { type ObjectPage, type ObjectStore, StorageError } from '../ports.ts';
import { compareUtf8 } from '../value.ts';
import type { Database } from './database.ts';
import type { Files } from './files.ts';

/** A row of this size is written in a fraction of a file's time; larger ones would make checkpoints frequent. */
const ROW_MAX_BYTES = 64 * 1024;
const WHOLE = { position: 0, length: Number.MAX_SAFE_INTEGER };

/**
 * Objects as rows: the bytes of a small one rest in it, a large one's in a file that it names.
 *
 * The row alone says which object is there, so a put replaces what was there before by one commit, whatever its kind.
 * A new file is whole before its row is committed, an old one is removed after: a crash in between leaves the old
 * object or the new one and at worst a file that no row names, which is removed at a later start.
 */
export function openObjects(database: Database, files: Files): ObjectStore {
  const select = database.prepare<{ file: string | null; bytes: Uint8Array | null }>(
    'SELECT file, substr(bytes, ? + 1, ?) AS bytes FROM objects WHERE key = ?',
  );
  const insert = database.prepare('INSERT INTO objects (key, size, file, bytes) VALUES (?, ?, ?, ?)');
  const remove = database.prepare<{ file: string | null }>(
    'DELETE FROM objects WHERE key = ? RETURNING file',
  );
  const range = database.prepare<{ key: string; size: number }>(
    'SELECT key, size FROM objects WHERE key >= ? ORDER BY key',
  );
  const fileInUse = database.prepare('SELECT 1 FROM objects WHERE file = ?');

  files.removeAbandoned((file) => fileInUse.get(file) !== undefined);

  /** Returns the names of the files that are then no longer in use. */
  const removeRows = (keys: readonly string[]) => keys.flatMap((key) => remove.get(key)?.file ?? []);

  const read = (key: string, { position, length }: { position: number; length: number }) => {
    const row = select.get(position, length, key);
    if (row?.file) return files.read(row.file, { position, length });
    // SQLite's substr makes null of an empty blob.
    return row && (row.bytes ?? new Uint8Array(0));
  };

  return {
    async put(key, chunks) {
      const size = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
      const isSmall = size <= ROW_MAX_BYTES;
      const bytes = isSmall ? Buffer.concat(chunks, size) : null;
      const file = isSmall ? null : await files.write(chunks);
      try {
        const unused = await database.write(() => {
          const replaced = removeRows([key]);
          insert.run(key, size, file, bytes);
          return replaced;
        });
        await files.remove(unused);
      } catch (error) {
        if (file && error instanceof StorageError && error.applied === 'no') await files.remove([file]);
        throw error;
      }
    },

    // Twice, because another process may replace the object between the look at its row and the one at its file.
    get: async (key, range = WHOLE) => read(key, range) ?? read(key, range),

    async list(prefix, { after, limit }) {
      const objects: ObjectPage['objects'] = [];
      const from = after !== undefined && compareUtf8(after, prefix) > 0 ? after : prefix;
      for (const { key, size } of range.rows(from)) {
        if (!key.startsWith(prefix)) break;
        if (key === after) continue;
        objects.push({ key, bytes: size });
        if (objects.length === limit) return { objects, next: key };
      }
      return { objects };
    },

    async delete(keys) {
      await files.remove(await database.write(() => removeRows(keys)));
    },
  };
}
