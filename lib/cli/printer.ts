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

/** What can be printed of a record. */
export interface RecordView<T> {
  json(record: T): string;
  key(record: T): Uint8Array | null;
  value(record: T): Uint8Array | null;
  headers(record: T): readonly (readonly [name: string, value: Uint8Array | null])[];
}

export interface Printer<T> {
  /** Aborts when `maxRecords` are printed, or when nobody reads what is. */
  readonly ended: AbortSignal;
  /** How many more records may be printed. */
  room(): number;
  /**
   * Resolves when output has taken what there was room for, with the number of these records; calls at the same time are
   * printed one after the other.
   */
  print(records: readonly T[]): Promise<number>;
}

export function createPrinter<T>({ stdout }: Io, options: PrintOptions, view: RecordView<T>): Printer<T> {
  const { maxRecords = Number.POSITIVE_INFINITY } = options;
  const format = recordFormatter(options, view);
  const ended = new AbortController();
  let room = maxRecords;
  let printed = 0;
  let isBroken = false;
  let printing: Promise<unknown> = Promise.resolve();

  async function write(records: readonly T[]): Promise<number> {
    if (records.length === 0 || isBroken) return 0;
    const bytes = Buffer.concat(records.flatMap(format));
    const error = await new Promise<Error | null | undefined>((resolve) => stdout.write(bytes, resolve));
    if (error) {
      if (!isBrokenPipe(error)) throw error;
      isBroken = true;
      ended.abort();
      return 0;
    }
    printed += records.length;
    if (printed === maxRecords) ended.abort();
    return records.length;
  }

  return {
    ended: ended.signal,
    room: () => room,
    print(records) {
      const some = records.slice(0, room);
      room -= some.length;
      const writing = printing.then(() => write(some));
      printing = writing;
      return writing;
    },
  };
}

/** Whoever read the output has had enough of it (`wadi consume … | head`). */
export function isBrokenPipe(error: NodeJS.ErrnoException): boolean {
  return error.code === 'EPIPE';
}

function recordFormatter<T>(options: PrintOptions, view: RecordView<T>): (record: T) => Uint8Array[] {
  const keySeparator = Buffer.from(options.keySeparator);
  const recordSeparator = Buffer.from(options.recordSeparator);
  const nullMarker = Buffer.from(options.nullMarker);

  const headers = (record: T): Uint8Array =>
    Buffer.concat(
      view
        .headers(record)
        .flatMap(([name, value], i) => [Buffer.from(`${i > 0 ? ',' : ''}${name}:`), value ?? nullMarker]),
    );

  return (record) => {
    if (options.format === 'json') return [Buffer.from(view.json(record)), recordSeparator];
    return [
      ...(options.printHeaders ? [headers(record), keySeparator] : []),
      ...(options.format === 'key-value' ? [view.key(record) ?? nullMarker, keySeparator] : []),
      view.value(record) ?? nullMarker,
      recordSeparator,
    ];
  };
}
