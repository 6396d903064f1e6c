import { StorageError } from '../ports.ts';

type Handler<Arguments, Result> = (args: Arguments) => Promise<Result>;

interface SdkError extends Error {
  $metadata?: { attempts?: number; httpStatusCode?: number };
}

/** Answers that ask to try later and promise that nothing was written. */
const TRY_LATER = new Set([
  'LimitExceededException',
  'OperationAborted',
  'ProvisionedThroughputExceededException',
  'ReplicatedWriteConflictException',
  'RequestLimitExceeded',
  'RequestTimeout',
  'SlowDown',
  'ThrottlingException',
  'TransactionConflictException',
]);

/** The calls of which some attempt, perhaps not the last one, may have been applied. */
const unanswered = new WeakSet<object>();

/** SDK middleware around each attempt: the error that the SDK throws in the end is the last attempt's alone. */
export function noteAttempt<A, R>(next: Handler<A, R>, call: object): Handler<A, R> {
  return async (args) => {
    try {
      return await next(args);
    } catch (error) {
      if (!TRY_LATER.has((error as SdkError).name) && !isRefused(error as SdkError)) unanswered.add(call);
      throw error;
    }
  };
}

/**
 * SDK middleware around each call: throws a StorageError if there was no answer, or one that asks to try later. What
 * else the service refuses (a malformed request, a missing table, no permission) will not go away by itself, and is
 * thrown as it is.
 */
export function throwStorageErrors<A, R>(next: Handler<A, R>, call: object): Handler<A, R> {
  return async (args) => {
    try {
      return await next(args);
    } catch (error) {
      throw storageError(error as SdkError, call) ?? error;
    }
  };
}

function storageError(error: SdkError, call: object): StorageError | undefined {
  const wasSent = error.$metadata?.attempts !== undefined && error.name !== 'CredentialsProviderError';
  if (!wasSent || (isRefused(error) && !TRY_LATER.has(error.name))) return undefined;
  return new StorageError(error.name, unanswered.has(call) ? 'unknown' : 'no', error);
}

function isRefused({ $metadata: { httpStatusCode = 0 } = {} }: SdkError): boolean {
  return httpStatusCode >= 400 && httpStatusCode < 500;
}
