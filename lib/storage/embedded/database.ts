import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { StorageError } from '../ports.ts';

/** Counted up when an older version could not read what this one writes, or this one what an older one wrote. */
const FORMAT = 2;
/** An object has either bytes or a file. `size` comes before the bytes, so that a listing need not read past them. */
const SCHEMA = `
  CREATE TABLE log (pk TEXT, sk TEXT, item BLOB NOT NULL, PRIMARY KEY (pk, sk));
  CREATE TABLE metadata (pk TEXT, sk TEXT, item BLOB NOT NULL, PRIMARY KEY (pk, sk));
  CREATE TABLE objects (key TEXT PRIMARY KEY, size INTEGER NOT NULL, file TEXT, bytes BLOB);
  CREATE INDEX object_files ON objects (file) WHERE file IS NOT NULL;
`;
/** What has joined the format since: an older version reads and writes around it. */
const ADDED = `
  CREATE TABLE IF NOT EXISTS groups (pk TEXT, sk TEXT, item BLOB NOT NULL, PRIMARY KEY (pk, sk));
`;
/** How long a write waits for another process's. */
const BUSY_TIMEOUT_MS = 5_000;
/** 16 MB: a checkpoint stops everything for some 3 ms a MB. Larger ones gain nothing, smaller ones wait more often. */
const CHECKPOINT_PAGES = 4_000;
/** Of 4 KB, that nobody uses any more and are given back when the database is opened: more wait for the next time. */
const VACUUM_PAGES = 50_000;

/** Throws StorageError if SQLite does not answer. */
export interface Statement<Row extends object> {
  /** The first row. */
  get(...values: SQLInputValue[]): Row | undefined;
  /** All rows, read only as far as the caller goes. */
  rows(...values: SQLInputValue[]): Iterable<Row>;
  run(...values: SQLInputValue[]): void;
}

export interface Database {
  prepare<Row extends object>(sql: string): Statement<Row>;
  /**
   * Runs an operation that reads and writes rows, with nothing in between, and resolves when what it wrote will last.
   * An operation may throw something other than a StorageError only before it has written anything.
   */
  write<T>(operation: () => T): Promise<T>;
  /** Writes what is waiting. */
  close(): void;
}

/** Throws if the file cannot be used or holds another version's format. */
export function openDatabase(path: string, fsync: boolean): Database {
  const sqlite = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    // Takes effect in a file that is new; in others, pages that are free are used again, but not given back.
    sqlite.exec('PRAGMA auto_vacuum = INCREMENTAL');
    sqlite.exec('PRAGMA journal_mode = WAL');
    sqlite.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    // With NORMAL, a commit is in the hands of the operating system; with FULL, on the disk.
    sqlite.exec(`PRAGMA synchronous = ${fsync ? 'FULL' : 'NORMAL'}`);
    prepareFormat(sqlite, path);
    giveBackPages(sqlite);
  } catch (error) {
    sqlite.close();
    throw error;
  }
  const { write, flush } = bursts(sqlite);
  return {
    prepare: (sql) => prepare(sqlite, sql),
    write,
    close() {
      flush();
      sqlite.close();
    },
  };
}

function giveBackPages(sqlite: DatabaseSync): void {
  try {
    sqlite.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`);
  } catch {
    // Another process keeps it busy: the next one that opens it does this.
  }
}

function prepareFormat(sqlite: DatabaseSync, path: string): void {
  sqlite.exec('BEGIN IMMEDIATE');
  const { user_version: format } = sqlite.prepare('PRAGMA user_version').get() as { user_version: number };
  if (format === 0) sqlite.exec(`${SCHEMA} PRAGMA user_version = ${FORMAT}`);
  else if (format !== FORMAT) {
    throw new Error(`${path} has format ${format}; this version of Wadi reads and writes format ${FORMAT}`);
  }
  sqlite.exec(ADDED);
  sqlite.exec('COMMIT');
}

function prepare<Row extends object>(sqlite: DatabaseSync, sql: string): Statement<Row> {
  const statement = sqlite.prepare(sql);
  return {
    get: (...values) => answered(() => statement.get(...values)) as Row | undefined,
    *rows(...values) {
      try {
        // A loop, because it also ends the statement, and with it the snapshot that it reads, when the caller stops early.
        for (const row of statement.iterate(...values)) yield row as Row;
      } catch (error) {
        throw unanswered(error);
      }
    },
    run(...values) {
      answered(() => statement.run(...values));
    },
  };
}

function answered<T>(ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    throw unanswered(error);
  }
}

function unanswered(error: unknown): StorageError {
  return new StorageError('SQLite does not answer', 'no', error);
}

/**
 * Operations that are asked for in one turn of the event loop share a transaction, so that they share its commit.
 * Each sees what the ones before it wrote.
 */
function bursts(sqlite: DatabaseSync) {
  interface Waiting {
    /** Runs the operation and returns how to answer it once it is committed. */
    run(): () => void;
    reject(error: unknown): void;
  }
  const begin = sqlite.prepare('BEGIN IMMEDIATE');
  const commit = sqlite.prepare('COMMIT');
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
      if (sqlite.isOpen && sqlite.isTransaction) sqlite.exec('ROLLBACK');
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
