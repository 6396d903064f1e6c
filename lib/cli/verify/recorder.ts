import type {
  AppendOutcome,
  Bounds,
  Fetch,
  FetchOutcome,
  Operation,
  SentBatch,
} from '../../verify/history.ts';
import type { TopicClient } from './client.ts';

/** What is remembered takes some 300 bytes a record and 500 an operation. */
export const MAX_RECORDS = 1_000_000;
export const MAX_OPERATIONS = 500_000;

export const CLIENT_KINDS = [
  'append as raw batch',
  'append as JSON v3',
  'append as JSON v2',
  'fetch of raw batches',
  'fetch of JSON',
  'bounds',
] as const;
export type ClientKind = (typeof CLIENT_KINDS)[number];

/** Sends requests for one topic, and remembers what came of them. */
export interface Recorder {
  readonly client: TopicClient;
  readonly operations: readonly Operation[];
  readonly counts: { sentRecords: number; acknowledgedRecords: number; fetchedRecords: number };
  /** By kind, how many requests succeeded, and how many were sent. */
  readonly kinds: ReadonlyMap<ClientKind, { ok: number; all: number }>;
  append(
    kind: ClientKind,
    partition: number,
    batches: readonly SentBatch[],
    send: () => Promise<AppendOutcome>,
  ): Promise<AppendOutcome>;
  fetch(
    form: 'raw' | 'v3',
    partition: number,
    offset: number,
    options?: { readonly maxWaitMs?: number; readonly consumer?: string },
  ): Promise<FetchOutcome>;
  bounds(partition: number): Promise<Bounds['outcome']>;
}

export interface RecorderOptions {
  readonly client: TopicClient;
  readonly topic: string;
  readonly partitions: number;
  /** Who serves now. */
  readonly via: () => string | undefined;
  /** Called when no more should be remembered. */
  readonly full: () => void;
}

export function createRecorder({ client, topic, partitions, via, full }: RecorderOptions): Recorder {
  const operations: Operation[] = [];
  const counts = { sentRecords: 0, acknowledgedRecords: 0, fetchedRecords: 0 };
  const kinds = new Map<ClientKind, { ok: number; all: number }>();
  // Each record that was read is kept once, however often it is read.
  const read = Array.from({ length: partitions }, () => new Map<number, readonly [number, string]>());

  async function timed<T extends { readonly is: string }>(
    kind: ClientKind,
    partition: number,
    send: () => Promise<T>,
    operation: (times: Times, outcome: T) => Operation,
  ): Promise<T> {
    const server = via();
    const invokedAtMs = performance.now();
    const outcome = await send();
    operations.push(operation(times(partition, invokedAtMs, server), outcome));
    const count = kinds.get(kind) ?? { ok: 0, all: 0 };
    kinds.set(kind, count);
    count.all++;
    if (outcome.is === 'ok') count.ok++;
    if (operations.length >= MAX_OPERATIONS || counts.sentRecords >= MAX_RECORDS) full();
    return outcome;
  }

  function times(partition: number, invokedAtMs: number, server: string | undefined): Times {
    const some = { partition: partitionId(topic, partition), invokedAtMs, returnedAtMs: performance.now() };
    return server === undefined ? some : { ...some, via: server };
  }

  return {
    client,
    operations,
    counts,
    kinds,

    append(kind, partition, batches, send) {
      return timed(kind, partition, send, (times, outcome) => {
        // Of what is not known, nobody has seen the end.
        const returnedAtMs = outcome.is === 'unknown' ? Infinity : times.returnedAtMs;
        return { kind: 'append', ...times, returnedAtMs, batches, outcome };
      });
    },

    async fetch(form, partition, offset, { maxWaitMs = 0, consumer } = {}) {
      const kind = form === 'raw' ? 'fetch of raw batches' : 'fetch of JSON';
      const outcome = await timed(
        kind,
        partition,
        async () => {
          const fetched = await client.fetch(partition, offset, maxWaitMs, form);
          return fetched.is === 'ok'
            ? { ...fetched, records: once(read[partition]!, fetched.records) }
            : fetched;
        },
        (times, outcome): Fetch => {
          const fetch = { kind: 'fetch', ...times, offset, outcome } as const;
          return consumer === undefined ? fetch : { ...fetch, consumer };
        },
      );
      if (outcome.is === 'ok') counts.fetchedRecords += outcome.records.length;
      return outcome;
    },

    bounds: (partition) =>
      timed(
        'bounds',
        partition,
        () => client.bounds(partition),
        (times, outcome) => ({ kind: 'bounds', ...times, outcome }),
      ),
  };
}

interface Times {
  readonly partition: string;
  readonly invokedAtMs: number;
  readonly returnedAtMs: number;
  readonly via?: string;
}

export function partitionId(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

function once(
  read: Map<number, readonly [number, string]>,
  records: readonly (readonly [number, string])[],
): (readonly [number, string])[] {
  return records.map((record) => {
    const known = read.get(record[0]);
    if (known?.[1] === record[1]) return known;
    read.set(record[0], record);
    return record;
  });
}
