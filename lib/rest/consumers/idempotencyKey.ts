import { WadiError } from '../../errors.ts';
import type { HttpRequest } from '../operation.ts';

const HEADER = 'idempotency-key';
const MAX_LENGTH = 255;

/** Of a poll; in other calls, of the poll that comes next, which tells whether the one before has been answered. */
export function idempotencyKey({ headers }: HttpRequest): string | undefined {
  const key = headers[HEADER];
  if (key === undefined || (key !== '' && key.length <= MAX_LENGTH)) return key;
  throw new WadiError('INVALID_REQUEST', `${HEADER} must have 1 to ${MAX_LENGTH} characters.`, {
    field: HEADER,
  });
}
