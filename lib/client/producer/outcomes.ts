import { ClientError } from '../clientError.ts';

export interface SentRecord {
  readonly topic: string;
  readonly partition: number;
  /** -1: it was appended so long ago that its offset could not be told any more. */
  readonly offset: number;
}

/** Some records of a `send` were not appended, as far as is known. */
export class SendError extends ClientError {
  /** One for each record, in their order. */
  readonly results: readonly (SentRecord | ClientError)[];

  constructor(first: ClientError, results: readonly (SentRecord | ClientError)[]) {
    const failed = results.filter((result) => result instanceof ClientError).length;
    super(`${failed} of ${results.length} records failed: ${first.message}`, { ...first, cause: first });
    this.name = 'SendError';
    this.results = results;
  }
}

/** What became of the records of one `send`. */
export interface Outcomes {
  readonly done: Promise<SentRecord[]>;
  settle(index: number, result: SentRecord | ClientError): void;
}

export function createOutcomes(count: number): Outcomes {
  const { promise, resolve, reject } = deferred<SentRecord[]>();
  const results = new Array<SentRecord | ClientError>(count);
  let left = count;
  let failure: ClientError | undefined;
  return {
    done: promise,
    settle(index, result) {
      results[index] = result;
      if (result instanceof ClientError) failure ??= result;
      left--;
      if (left > 0) return;
      if (failure === undefined) resolve(results as SentRecord[]);
      else reject(new SendError(failure, results));
    },
  };
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

/** Promise.withResolvers, which Node 20 does not have. */
function deferred<T>(): Deferred<T> {
  let resolve!: Deferred<T>['resolve'];
  let reject!: Deferred<T>['reject'];
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
