import Negotiator from 'negotiator';
import { HttpError } from './errors.ts';
import type { HttpRequest, Operation } from './operation.ts';
import { JSON_TYPE, V2_TYPES } from './response.ts';

/**
 * Refuses a body whose media type the operation does not take (415). A body without a type is taken for the first
 * accepted one: `application/json` on v3.
 */
export function requireBodyType(operation: Operation, request: HttpRequest): void {
  if (operation.accepts === undefined) return;
  const { 'content-encoding': encoding = 'identity' } = request.headers;
  if (encoding !== 'identity') {
    throw new HttpError(415, `The content encoding ${encoding} is not supported.`, {
      field: 'content-encoding',
    });
  }
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(request.headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && !/^(utf-?8|us-ascii)$/i.test(charset)) {
    throw new HttpError(415, `The charset ${charset} is not supported: JSON is UTF-8.`, {
      field: 'content-type',
    });
  }
  const type = bodyType(request);
  if (type !== undefined && !Object.hasOwn(operation.accepts, type)) {
    throw new HttpError(415, 'HTTP 415 Unsupported Media Type', {
      headers: { accept: Object.keys(operation.accepts).join(', ') },
      field: 'content-type',
    });
  }
}

/** The media type of the body without its parameters, in lower case; `undefined` if the client does not say. */
export function bodyType(request: HttpRequest): string | undefined {
  const header = request.headers['content-type'];
  if (header === undefined || header === JSON_TYPE) return header;
  const end = header.indexOf(';');
  return (end < 0 ? header : header.slice(0, end)).trim().toLowerCase();
}

/** The one of `offered` that the client likes best, the first of them if it does not say; `undefined` if it takes none. */
export function preferredType(request: HttpRequest, offered: readonly string[]): string | undefined {
  const { accept } = request.headers;
  if (!accept || accept === '*/*') return offered[0]!;
  return new Negotiator({ headers: { accept } }).mediaType([...offered]);
}

/** The same; 406 if it takes none, which names those that are really `answered`. */
export function answerType(
  request: HttpRequest,
  offered: readonly string[],
  answered: readonly string[] = offered,
): string {
  const type = preferredType(request, offered);
  if (type === undefined) {
    throw new HttpError(406, `HTTP 406 Not Acceptable: offered are ${answered.join(', ')}`, {
      field: 'accept',
    });
  }
  return type;
}

/** What a v2 client may name in Accept, to get whatever the operation answers. */
const V2_OFFERED = [...V2_TYPES, 'application/vnd.kafka+json', JSON_TYPE];

/** Refuses a request whose Accept header fits no answer of the operation (406). */
export function requireAcceptable(operation: Operation, request: HttpRequest): void {
  const { accept } = request.headers;
  if (!accept || accept === '*/*') return;
  const answers = Object.values(operation.answers);
  const answered = answers.flatMap((answer) => (answer === 'empty' ? [] : Object.keys(answer)));
  const offered = [...(operation.form === 'v2' ? V2_OFFERED : []), ...answered];
  if (offered.length > 0) answerType(request, offered, answered.length > 0 ? answered : V2_OFFERED);
}
