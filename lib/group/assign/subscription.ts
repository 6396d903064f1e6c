import { RE2JS, RE2JSException } from 're2js';
import { WadiError } from '../../errors.ts';
import type { Subscription } from '../groups.ts';

const MAX_PATTERN_LENGTH = 1_000;
/** RE2 writes out what is repeated, up to 1,000 times over all. What that may become, times the expression's length: 0.1 s to compile. */
const MAX_WRITTEN_OUT = 50_000;
const MAX_REPEATS = 1_000;
/** Instructions of the compiled expression, each of which may be looked at for each character of a name. */
const MAX_PROGRAM_SIZE = 2_000;

/**
 * Tells whether a topic's name as a whole matches an RE2 expression (https://github.com/google/re2/wiki/Syntax). The time that takes
 * grows with the name and the expression, never faster. Throws INVALID_REGULAR_EXPRESSION.
 */
export function matcher(pattern: string): (name: string) => boolean {
  if (pattern === '') throw invalid('It is empty.');
  if (pattern.length > MAX_PATTERN_LENGTH) {
    throw invalid(`It is ${pattern.length} characters long, more than ${MAX_PATTERN_LENGTH}.`);
  }
  if (pattern.length * Math.min(repeats(pattern), MAX_REPEATS) > MAX_WRITTEN_OUT) {
    throw invalid('It repeats too much.');
  }
  const compiled = compile(pattern);
  if (compiled.programSize() > MAX_PROGRAM_SIZE) throw invalid('It is too large.');
  return (name) => compiled.testExact(name);
}

/** Ids of those of `topics` that the subscription is for, ascending. Throws INVALID_REGULAR_EXPRESSION. */
export function resolve(
  subscription: Subscription,
  topics: readonly { readonly id: string; readonly name: string }[],
): readonly string[] {
  const isMeant =
    'pattern' in subscription ? matcher(subscription.pattern) : isOneOf(new Set(subscription.topics));
  return topics
    .filter(({ name }) => isMeant(name))
    .map(({ id }) => id)
    .sort();
}

/** `resolve` for many: equal subscriptions are looked up once, and get the same array. */
export function resolver(
  topics: Parameters<typeof resolve>[1],
): (subscription: Subscription) => readonly string[] {
  const known = new Map<string, readonly string[]>();
  return (subscription) => {
    const key = JSON.stringify(subscription);
    const ids = known.get(key) ?? resolve(subscription, topics);
    known.set(key, ids);
    return ids;
  };
}

function isOneOf(names: ReadonlySet<string>): (name: string) => boolean {
  return (name) => names.has(name);
}

function compile(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    throw invalid(`It is no RE2 expression: ${error.message}.`);
  }
}

/** The product of all counts, as if each repeated the others. */
function repeats(pattern: string): number {
  let product = 1;
  for (const [, least, most] of pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/g)) {
    product *= Math.max(Number(least), Number(most ?? 0), 1);
  }
  return product;
}

function invalid(why: string): WadiError {
  return new WadiError('INVALID_REGULAR_EXPRESSION', `topic_pattern is refused. ${why}`, {
    field: 'topic_pattern',
  });
}
