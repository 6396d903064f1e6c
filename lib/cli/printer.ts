import { once } from 'node:events';
import type { Io } from './io.ts';

export type OutputFormat = 'value' | 'key-value' | 'json';

export interface PrintOptions {
  readonly maxRecords?: number;
  readonly format: OutputFormat;
  readonly keySeparator: string;
  readonly recordSeparator: string;
  readonly nullMarker: string;
  readonly printHeaders?: true;
}

type Data =
  | { readonly type: 'BINARY' | 'STRING'; readonly data: string }
  | { readonly type: 'JSON'; readonly data: unknown };

/** A record as the HTTP API tells it. */
export interface FetchedRecord {
  readonly offset: number;
  readonly headers: readonly { readonly name: string; readonly value: string | null }[];
  readonly key: Data | null;
  readonly value: Data | null;
}

export interface Printer {
  /** Aborts when `maxRecords` are printed. */
  readonly full: AbortSignal;
  /** How many more records may be printed. */
  room(): number;
  /** Resolves when there is room for more output; calls at the same time are printed one after the other. */
  print(records: readonly FetchedRecord[]): Promise<void>;
}

export function createPrinter({ stdout }: Io, options: PrintOptions): Printer {
  const format = recordFormatter(options);
  const full = new AbortController();
  let room = options.maxRecords ?? Number.POSITIVE_INFINITY;
  let printing = Promise.resolve();

  async function write(records: readonly FetchedRecord[]): Promise<void> {
    if (records.length > 0 && !stdout.write(Buffer.concat(records.flatMap(format))))
      await once(stdout, 'drain');
  }

  return {
    full: full.signal,
    room: () => room,
    async print(records) {
      const some = records.slice(0, room);
      room -= some.length;
      printing = printing.then(() => write(some));
      await printing;
      if (room === 0) full.abort();
    },
  };
}

function recordFormatter(options: PrintOptions): (record: FetchedRecord) => Uint8Array[] {
  const keySeparator = Buffer.from(options.keySeparator);
  const recordSeparator = Buffer.from(options.recordSeparator);
  const nullMarker = Buffer.from(options.nullMarker);
  const bytes = (data: Data | null) => (data === null ? nullMarker : dataBytes(data));

  return (record) => {
    if (options.format === 'json') return [Buffer.from(JSON.stringify(record)), recordSeparator];
    return [
      ...(options.printHeaders ? [headerBytes(record, nullMarker), keySeparator] : []),
      ...(options.format === 'key-value' ? [bytes(record.key), keySeparator] : []),
      bytes(record.value),
      recordSeparator,
    ];
  };
}

/** The API writes as JSON only what can be written back to the same bytes. */
function dataBytes({ type, data }: Data): Uint8Array {
  switch (type) {
    case 'BINARY':
      return Buffer.from(data, 'base64');
    case 'STRING':
      return Buffer.from(data);
    case 'JSON':
      return Buffer.from(JSON.stringify(data));
  }
}

function headerBytes({ headers }: FetchedRecord, nullMarker: Uint8Array): Uint8Array {
  const parts = headers.flatMap(({ name, value }, i) => [
    Buffer.from(`${i > 0 ? ',' : ''}${name}:`),
    value === null ? nullMarker : Buffer.from(value, 'base64'),
  ]);
  return Buffer.concat(parts);
}
