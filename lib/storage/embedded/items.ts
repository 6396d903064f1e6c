import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { deserialize, serialize } from 'node:v8';
import { itemStore, type Rows } from '../items.ts';
import { type Item, type ItemStore, StorageError } from '../ports.ts';

/** Counted up when an older version could not read what this one writes. */
const FORMAT = 1;
const TABLES = ['log', 'metadata'] as const;
/** How long a write waits for another process's. */
const BUSY_TIMEOUT_MS = 5_000;
/** 32 MB: a checkpoint waits for the disk, which may have many objects to write first, so it should be rare. */
const CHECKPOINT_PAGES = 8_000;
/** SQLite sorts every text before every blob. */
const AFTER_ANY_TEXT = new Uint8Array(0);

interface Items {
  table(name: (typeof TABLES)[number]): ItemStore;
  /** Writes what is waiting. */
  close(): void;
}

export function openItems(path: string, fsync: boolean): Items {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  database.exec('PRAGMA journal_mode = WAL');
  database.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  // With NORMAL, a commit is in the hands of the operating system; with FULL, on the disk.
  database.exec(`PRAGMA synchronous = ${fsync ? 'FULL' : 'NORMAL'}`);
  prepareFormat(database, path);
  const { write, flush } = bursts(database);
  return {
    table: (name) => itemStore(rows(database, name), write),
    close() {
      flush();
      database.close();
    },
  };
}

function prepareFormat(database: DatabaseSync, path: string): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    const { user_version: format } = database.prepare('PRAGMA user_version').get() as {
      user_version: number;
    };
    if (format === 0) {
      for (const table of TABLES) {
        database.exec(`CREATE TABLE ${table} (pk TEXT, sk TEXT, item BLOB NOT NULL, PRIMARY KEY (pk, sk))`);
      }
      database.exec(`PRAGMA user_version = ${FORMAT}`);
    } else if (format !== FORMAT) {
      throw new Error(`${path} has format ${format}; this version of Wadi reads and writes format ${FORMAT}`);
    }
    database.exec('COMMIT');
  } catch (error) {
    database.close();
    throw error;
  }
}

function rows(database: DatabaseSync, table: string): Rows {
  const select = database.prepare(`SELECT item FROM ${table} WHERE pk = ? AND sk = ?`);
  const upsert = database.prepare(
    `INSERT INTO ${table} VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET item = excluded.item`,
  );
  const remove = database.prepare(`DELETE FROM ${table} WHERE pk = ? AND sk = ?`);
  const range = `SELECT item FROM ${table} WHERE pk = ? AND sk >= ? AND sk <= ? ORDER BY sk`;
  const ascending = database.prepare(range);
  const descending = database.prepare(`${range} DESC`);
  return {
    get({ pk, sk }) {
      const row = answered(() => select.get(pk, sk));
      return row && decode(row);
    },
    put(item) {
      answered(() => upsert.run(item.pk, item.sk, serialize(item)));
    },
    delete({ pk, sk }) {
      answered(() => remove.run(pk, sk));
    },
    *scan(query) {
      const range = query.descending ? descending : ascending;
      try {
        // A loop, because it also ends the statement, and with it the snapshot that it reads, when the caller stops early.
        for (const row of range.iterate(query.pk, query.from ?? '', query.to ?? AFTER_ANY_TEXT))
          yield decode(row);
      } catch (error) {
        throw new StorageError('SQLite does not answer', 'no', error);
      }
    },
  };
}

function answered<T>(statement: () => T): T {
  try {
    return statement();
  } catch (error) {
    throw new StorageError('SQLite does not answer', 'no', error);
  }
}

function decode(row: Record<string, SQLOutputValue>): Item {
  return deserialize(row.item as Uint8Array);
}

/**
 * Operations that are asked for in one turn of the event loop share a transaction, so that they share its commit.
 * Each sees what the ones before it wrote.
 */
function bursts(database: DatabaseSync) {
  interface Waiting {
    /** Runs the operation and returns how to answer it once it is committed. */
    run(): () => void;
    reject(error: unknown): void;
  }
  const begin = database.prepare('BEGIN IMMEDIATE');
  const commit = database.prepare('COMMIT');
  let waiting: Waiting[] = [];

  const flush = () => {
    const burst = waiting;
    waiting = [];
    if (burst.length === 0) return;
    let applied: StorageError['applied'] = 'no';
    try {
      begin.run();
      const answers = burst.map(({ run }) => run());
      applied = 'unknown';
      commit.run();
      for (const answer of answers) answer();
    } catch (error) {
      if (database.isOpen && database.isTransaction) database.exec('ROLLBACK');
      const failure = new StorageError('the embedded store cannot write', applied, error);
      for (const { reject } of burst) reject(failure);
    }
  };

  const write = <T>(operation: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      const run = () => {
        try {
          const result = operation();
          return () => resolve(result);
        } catch (error) {
          // SQLite may have rolled back the whole transaction; any other error came before anything was written.
          if (error instanceof StorageError) throw error;
          return () => reject(error);
        }
      };
      if (waiting.push({ run, reject }) === 1) setImmediate(flush);
    });

  return { write, flush };
}
