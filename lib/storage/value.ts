import type { Item, Key, Value } from './ports.ts';

/** DynamoDB's limits (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html). */
export const MAX_ITEM_BYTES = 400 * 1024;
export const MAX_PAGE_BYTES = 1024 * 1024;

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

export function isMap(value: Value | undefined): value is { readonly [name: string]: Value } {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}

/**
 * Compares by UTF-8 bytes, as S3, DynamoDB and SQLite do. JavaScript compares UTF-16 units: the same, except that
 * surrogates (code points above U+FFFF) then sort before U+E000 to U+FFFF.
 */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

/** A copy that shares nothing with the caller. Throws for what no adapter can store; -0 becomes 0. */
export function copyValue(value: Value): Value {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return storableNumber(value);
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (isList(value)) return value.map(copyValue);
  if (isMap(value)) return copyMap(value);
  throw new TypeError(`a value of type ${typeof value} cannot be stored`);
}

/** The number, or a TypeError if it has no decimal form. */
export function storableNumber(value: number): number {
  if (!Number.isFinite(value)) throw new TypeError(`${value} cannot be stored`);
  return value + 0;
}

export function copyItem(item: Item): Item {
  refuseEmptyKey(item);
  return { ...copyMap(item), pk: item.pk, sk: item.sk };
}

function copyMap(map: { readonly [name: string]: Value }): { [name: string]: Value } {
  return Object.fromEntries(
    Object.entries(map).map(([name, value]) => [storableName(name), copyValue(value)]),
  );
}

/** The name, or a TypeError if it is empty. */
export function storableName(name: string): string {
  if (name === '') throw new TypeError('an attribute without a name cannot be stored');
  return name;
}

export function refuseEmptyKey({ pk, sk }: Key): void {
  if (!pk || !sk) throw new TypeError('pk and sk are non-empty strings');
}

/**
 * The size by which DynamoDB limits and charges, to within a few bytes per number. Source:
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
 */
export function itemBytes(item: Item): number {
  return namesAndValuesBytes(item);
}

function valueBytes(value: Value): number {
  if (value === null || typeof value === 'boolean') return 1;
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value === 'number') return Math.ceil(String(value).length / 2) + 1;
  if (value instanceof Uint8Array) return value.byteLength;
  if (isList(value)) return value.reduce<number>((sum, element) => sum + 1 + valueBytes(element), 3);
  return 3 + Object.keys(value).length + namesAndValuesBytes(value as { readonly [name: string]: Value });
}

function namesAndValuesBytes(map: { readonly [name: string]: Value }): number {
  let bytes = 0;
  for (const name in map) bytes += Buffer.byteLength(name) + valueBytes(map[name]!);
  return bytes;
}
