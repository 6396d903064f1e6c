import { HttpError } from '../errors.ts';
import type { HttpRequest } from '../operation.ts';
import { decodeUtf8 } from '../request.ts';

export const EMPTY_BODY = 'Payload error. Request body is empty. Data is required.';

/** The body of a produce request. White space alone is an empty body. */
export function readText(request: HttpRequest): string {
  const text = decodeUtf8(request.body);
  if (text.trim() === '') throw new HttpError(422, EMPTY_BODY);
  return text;
}
