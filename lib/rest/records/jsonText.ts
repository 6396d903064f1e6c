/**
 * Finds the places of values in a JSON text, so that a record's `data` can be stored with the client's own tokens:
 * numbers beyond 2^53, the order of members and the choice of escapes would not survive a round trip through
 * JavaScript values. Only `splitDocuments` looks at text that JSON.parse has not accepted yet. Each function passes
 * over its part of the text once.
 */

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OBJECT = 0x7b;
const ARRAY = 0x5b;

const isSpace = (code: number) => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
const opens = (code: number) => code === OBJECT || code === ARRAY;
const closes = (code: number) => code === 0x7d || code === 0x5d;

function skipSpace(text: string, at: number): number {
  let next = at;
  while (isSpace(text.charCodeAt(next))) next++;
  return next;
}

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

/** The position after the value that begins at `at`; -1 if an object or array does not end. */
function skipValue(text: string, at: number): number {
  let next = at;
  let depth = 0;
  while (next < text.length) {
    const code = text.charCodeAt(next);
    if (code === QUOTE) {
      next = skipString(text, next);
      if (depth === 0) return next;
      continue;
    }
    if (opens(code)) depth++;
    else if (depth === 0 && (closes(code) || code === COMMA || isSpace(code))) return next;
    else if (closes(code) && --depth === 0) return next + 1;
    next++;
  }
  return depth === 0 ? next : -1;
}

/** From the end of a member or element to the begin of the next, or to what closes them. */
function skipComma(text: string, at: number): number {
  const next = skipSpace(text, at);
  return text.charCodeAt(next) === COMMA ? skipSpace(text, next + 1) : next;
}

/**
 * Cuts a body into its concatenated documents, with or without white space between them: where each begins and ends.
 * Every document must be an object; whether each is JSON inside is yet to be seen.
 */
export function splitDocuments(
  text: string,
  limit: number,
): { at: number; end: number }[] | 'malformed' | 'too many' {
  const documents: { at: number; end: number }[] = [];
  let at = skipSpace(text, 0);
  while (at < text.length) {
    if (documents.length === limit) return 'too many';
    const end = text.charCodeAt(at) === OBJECT ? skipValue(text, at) : -1;
    if (end === -1) return 'malformed';
    documents.push({ at, end });
    at = skipSpace(text, end);
  }
  return documents;
}

/**
 * Walks the members of the object at `at`, and calls `visit` with where a value begins that is called `name`; it
 * returns the position after that value. Returns the position after the object.
 */
function walkObject(text: string, at: number, name: string, visit: (at: number) => number): number {
  let next = skipSpace(text, at + 1);
  while (text.charCodeAt(next) === QUOTE) {
    const nameEnd = skipString(text, next);
    const raw = text.slice(next + 1, nameEnd - 1);
    const value = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const named = raw === name || (raw.includes('\\') && JSON.parse(`"${raw}"`) === name);
    next = skipComma(text, named ? visit(value) : skipValue(text, value));
  }
  return next + 1;
}

/**
 * Where the value begins that is the member `path[0]` of the object at `at`, or that member's member `path[1]`, and so
 * on. As in JSON.parse, the last member of a name counts. -1: there is none.
 */
export function findValue(text: string, at: number, path: readonly string[]): number {
  return locate(text, at, path).found;
}

function locate(text: string, at: number, path: readonly string[]): { found: number; end: number } {
  if (path.length === 0) return { found: at, end: skipValue(text, at) };
  if (text.charCodeAt(at) !== OBJECT) return { found: -1, end: skipValue(text, at) };
  let found = -1;
  const rest = path.slice(1);
  const end = walkObject(text, at, path[0]!, (value) => {
    const inner = locate(text, value, rest);
    found = inner.found;
    return inner.end;
  });
  return { found, end };
}

/** Where the elements begin of the array that is the member `name` of the whole text, an object. */
export function findElements(text: string, name: string): number[] {
  let elements: number[] = [];
  walkObject(text, skipSpace(text, 0), name, (array) => {
    elements = [];
    if (text.charCodeAt(array) !== ARRAY) return skipValue(text, array);
    let next = skipSpace(text, array + 1);
    while (!closes(text.charCodeAt(next))) {
      elements.push(next);
      next = skipComma(text, skipValue(text, next));
    }
    return next + 1;
  });
  return elements;
}

/** The value at `at`, token by token as it was written, without the white space between tokens. */
export function compactValue(text: string, at: number): string {
  if (!opens(text.charCodeAt(at))) return text.slice(at, skipValue(text, at));
  let compact = '';
  let from = at;
  let next = at;
  let depth = 0;
  do {
    const code = text.charCodeAt(next);
    if (code === QUOTE) {
      next = skipString(text, next);
    } else if (isSpace(code)) {
      compact += text.slice(from, next);
      next = from = skipSpace(text, next);
    } else {
      if (opens(code)) depth++;
      else if (closes(code)) depth--;
      next++;
    }
  } while (depth > 0);
  return compact + text.slice(from, next);
}
