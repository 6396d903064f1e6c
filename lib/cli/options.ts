import { InvalidArgumentError } from 'commander';

/** For commander: refuses what is no whole number from `min` to `max`. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^-?\d+$/.test(text) && value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`It must be a whole number ${range}.`);
  };
}

/** For an option that may be given several times. */
export function repeated<T>(parse: (text: string) => T): (text: string, before?: readonly T[]) => T[] {
  return (text, before = []) => [...before, parse(text)];
}

/** `name<separator>value`, split at the first separator. */
export function pair(separator: string): (text: string) => [name: string, value: string] {
  return (text) => {
    const at = text.indexOf(separator);
    if (at < 1) throw new InvalidArgumentError(`It must be name${separator}value.`);
    return [text.slice(0, at), text.slice(at + separator.length)];
  };
}

/** Whom an ACL or a quota is about. */
export function principal(text: string): string {
  if (/^User:./.test(text)) return text;
  throw new InvalidArgumentError("It must be 'User:' and a name.");
}

/** Milliseconds since the Unix epoch, or a date and time as ISO 8601 writes it. */
export function time(text: string): number {
  const ms = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text);
  if (ms >= 0) return ms;
  throw new InvalidArgumentError(
    'It must be milliseconds since 1970, or a time such as 2026-05-04T10:00:00Z.',
  );
}

/** For the end of a command's help. */
export function examples(...commands: readonly string[]): string {
  return `\nExamples:\n${commands.map((command) => `  $ ${command}\n`).join('')}`;
}
