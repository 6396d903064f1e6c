/**
 * Finds the places of values in a JSON text, so that a record's `data` can be stored with the client's own tokens:
 * numbers beyond 2^53, the order of members and the choice of escapes would not survive a round trip through
 * JavaScript values. Only `splitDocuments` looks at text that JSON.parse has not accepted yet.
 */

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;

const isSpace = (code: number) => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
const opens = (code: number) => code === 0x7b || code === 0x5b;
const closes = (code: number) => code === 0x7d || code === 0x5d;

function skipSpace(text: string, at: number): number {
  let next = at;
  while (isSpace(text.charCodeAt(next))) next++;
  return next;
}

/** Where the value begins that is the whole text. */
export const rootAt = (text: string): number => skipSpace(text, 0);

/** The position after the string that opens at `at`; the text's length if it does not end. */
function skipString(text: string, at: number): number {
  let quote = text.indexOf('"', at + 1);
  while (quote !== -1) {
    let slash = quote - 1;
    while (text.charCodeAt(slash) === BACKSLASH) slash--;
    if ((quote - slash) % 2 === 1) return quote + 1;
    quote = text.indexOf('"', quote + 1);
  }
  return text.length;
}

/** The position after the value that begins at `at`. */
function skipValue(text: string, at: number): number {
  const first = text.charCodeAt(at);
  if (first === QUOTE) return skipString(text, at);
  let next = at;
  let depth = 0;
  while (next < text.length) {
    const code = text.charCodeAt(next);
    if (code === QUOTE) {
      next = skipString(text, next);
      continue;
    }
    if (opens(code)) depth++;
    else if (closes(code) && --depth <= 0) return depth === 0 ? next + 1 : next;
    else if (depth === 0 && (code === COMMA || isSpace(code))) return next;
    next++;
  }
  return depth === 0 ? next : -1;
}

/**
 * Cuts a body into its concatenated documents, with or without white space between them. Every document must be an
 * object; whether each is JSON inside is yet to be seen.
 */
export function splitDocuments(text: string, limit: number): string[] | 'malformed' | 'too many' {
  const documents: string[] = [];
  let at = skipSpace(text, 0);
  while (at < text.length) {
    if (documents.length === limit) return 'too many';
    const end = text.charCodeAt(at) === 0x7b ? skipValue(text, at) : -1;
    if (end === -1) return 'malformed';
    documents.push(text.slice(at, end));
    at = skipSpace(text, end);
  }
  return documents;
}

/** Where the value of a member of the object at `at` begins; as in JSON.parse, the last of several counts. -1: none. */
export function memberAt(text: string, at: number, name: string): number {
  let found = -1;
  let next = skipSpace(text, at + 1);
  while (text.charCodeAt(next) === QUOTE) {
    const nameEnd = skipString(text, next);
    const raw = text.slice(next + 1, nameEnd - 1);
    const value = skipSpace(text, skipSpace(text, nameEnd) + 1);
    if (raw === name || (raw.includes('\\') && JSON.parse(`"${raw}"`) === name)) found = value;
    next = skipSpace(text, skipValue(text, value));
    if (text.charCodeAt(next) === COMMA) next = skipSpace(text, next + 1);
  }
  return found;
}

/** Where the elements of the array at `at` begin. */
export function elementsAt(text: string, at: number): number[] {
  const elements: number[] = [];
  let next = skipSpace(text, at + 1);
  while (!closes(text.charCodeAt(next))) {
    elements.push(next);
    next = skipSpace(text, skipValue(text, next));
    if (text.charCodeAt(next) === COMMA) next = skipSpace(text, next + 1);
  }
  return elements;
}

/** The value at `at`, token by token as it was written, without the white space between tokens. */
export function compactAt(text: string, at: number): string {
  const end = skipValue(text, at);
  let compact = '';
  let from = at;
  let next = at;
  while (next < end) {
    const code = text.charCodeAt(next);
    if (code === QUOTE) {
      next = skipString(text, next);
    } else if (isSpace(code)) {
      compact += text.slice(from, next);
      next = from = skipSpace(text, next);
    } else {
      next++;
    }
  }
  return from === at ? text.slice(at, end) : compact + text.slice(from, end);
}
