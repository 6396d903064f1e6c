import { StorageError } from '../ports.ts';

/** Answers that promise that nothing was written. */
const REFUSALS = new Set([
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

/**
 * The answer, or a StorageError if none came or the service asks to try later. Anything else that the service
 * refuses (a malformed request, a missing table, no permission) will not go away by itself, and is thrown as it is.
 */
export async function answer<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    throw storageError(error as SdkError) ?? error;
  }
}

function storageError(error: SdkError): StorageError | undefined {
  const { attempts, httpStatusCode } = error.$metadata ?? {};
  if (attempts === undefined || error.name === 'CredentialsProviderError') return undefined; // It was never sent.
  if (REFUSALS.has(error.name)) {
    // The SDK tells of the last attempt only: an earlier one may have been applied without an answer.
    return new StorageError(error.name, attempts === 1 ? 'no' : 'unknown', error);
  }
  const refused = httpStatusCode !== undefined && httpStatusCode >= 400 && httpStatusCode < 500;
  return refused ? undefined : new StorageError(error.name, 'unknown', error);
}

interface SdkError extends Error {
  $metadata?: { attempts?: number; httpStatusCode?: number };
}
