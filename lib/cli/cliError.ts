import { ClientError } from '../client/clientError.ts';

/** What went wrong, in words for the user: printed in one line, exit code 1. */
export class CliError extends Error {}

/** What to tell the user of an error; `undefined` for one that is a fault of ours. */
export function toldOf(error: unknown): string | undefined {
  if (error instanceof CliError || isSystemError(error)) return error.message;
  if (!(error instanceof ClientError)) return undefined;
  return error.cause === undefined ? error.message : `${error.message}: ${reasonOf(error.cause)}`;
}

/** A file that is not there, a pipe that broke: the message tells. */
function isSystemError(error: unknown): error is Error {
  return typeof error === 'object' && error !== null && 'syscall' in error;
}

/** Why there was no answer: `fetch` tells it one or two levels down. */
export function reasonOf(error: unknown): string {
  const { message, cause } = error as Error & { cause?: Partial<NodeJS.ErrnoException> };
  return cause?.message || cause?.code || message;
}
