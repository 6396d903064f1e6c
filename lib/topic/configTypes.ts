/**
 * What one topic config may be. Names, types, defaults and ranges are those of Kafka 4
 * (https://kafka.apache.org/documentation/#topicconfigs) unless `doc` says otherwise.
 */
export interface ConfigDefinition<T> {
  readonly type: 'BOOLEAN' | 'DOUBLE' | 'INT' | 'LIST' | 'LONG' | 'STRING';
  readonly default: string;
  /** The values allowed, in words that follow "must be". */
  readonly allowed: string;
  /**
   * `now`: Wadi acts on it. `none`: what it tunes in a broker does not exist here; it is checked and kept all the same, so that
   * tools, templates and clients written for Kafka can create their topics unchanged.
   */
  readonly effect: 'now' | 'none';
  readonly doc: string;
  /** `undefined` if `text` is not allowed. */
  readonly parse: (text: string) => T | undefined;
}

type Described = Pick<ConfigDefinition<unknown>, 'default' | 'effect' | 'doc'>;

export const LONG_MAX = 9223372036854775807n;
const INT_MAX = 2147483647n;

/** A long beyond 2^53 loses its last digits as a number; those are all "without limit". */
export function whole(
  type: 'INT' | 'LONG',
  { min, max: limit, ...described }: { min: number; max?: number } & Described,
): ConfigDefinition<number> {
  const max = limit === undefined ? (type === 'INT' ? INT_MAX : LONG_MAX) : BigInt(limit);
  return {
    ...described,
    type,
    allowed: `a whole number from ${min} to ${max}`,
    parse(text) {
      if (!/^[+-]?\d{1,19}$/.test(text)) return undefined;
      const value = BigInt(text.replace('+', ''));
      return value >= BigInt(min) && value <= max ? Number(value) : undefined;
    },
  };
}

export function ratio(described: Described): ConfigDefinition<number> {
  return {
    ...described,
    type: 'DOUBLE',
    allowed: 'a number from 0 to 1',
    parse(text) {
      const value = /^[\d.eE+-]{1,32}$/.test(text) ? Number(text) : Number.NaN;
      return value >= 0 && value <= 1 ? value : undefined;
    },
  };
}

export function flag(described: Described): ConfigDefinition<boolean> {
  return {
    ...described,
    type: 'BOOLEAN',
    allowed: 'true or false',
    parse: (text) => (/^true$/i.test(text) ? true : /^false$/i.test(text) ? false : undefined),
  };
}

export function oneOf<const T extends string>(
  values: readonly T[],
  described: Described,
): ConfigDefinition<T> {
  return {
    ...described,
    type: 'STRING',
    allowed: `one of: ${values.join(', ')}`,
    parse: (text) => values.find((value) => value === text),
  };
}

export function listOf<const T extends string>(
  values: readonly T[],
  described: Described,
): ConfigDefinition<readonly T[]> {
  return {
    ...described,
    type: 'LIST',
    allowed: `a comma-separated list of: ${values.join(', ')}`,
    parse(text) {
      const parts = text.split(',', values.length + 1).map((part) => part.trim());
      const chosen = values.filter((value) => parts.includes(value));
      return chosen.length === parts.length ? chosen : undefined;
    },
  };
}
