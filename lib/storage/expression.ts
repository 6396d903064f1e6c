/** What conditions and updates mean, exactly as in DynamoDB: the reference for every adapter. All pure. */
import type { Action, Condition, Item, Key, Path, Value } from './ports.ts';
import { compareUtf8, copyValue, isList, isMap, storableNumber } from './value.ts';

/** Whether the condition allows a write of the item as it stands (`undefined`: there is none). */
export function holds(condition: Condition, item: Item | undefined): boolean {
  if ('exists' in condition) return valueAt(item, condition.exists) !== undefined;
  if ('missing' in condition) return valueAt(item, condition.missing) === undefined;
  if ('not' in condition) return !holds(condition.not, item);
  if ('all' in condition) return nonEmpty(condition.all).every((part) => holds(part, item));
  if ('any' in condition) return nonEmpty(condition.any).some((part) => holds(part, item));
  const actual = valueAt(item, condition.path);
  if ('contains' in condition) {
    const { contains } = condition;
    return isList(actual) && actual.some((element) => compare(element, contains) === 0);
  }
  const order = compare(actual, condition.value);
  if (order === undefined) return false;
  switch (condition.is) {
    case '=':
      return order === 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

/** DynamoDB has no expression for a constant, so an empty `all` or `any` is a mistake of the caller's. */
export function nonEmpty(parts: readonly Condition[]): readonly Condition[] {
  if (parts.length === 0) throw new TypeError('a condition without parts');
  return parts;
}

/** `undefined` if the types differ or cannot be ordered. */
function compare(a: Value | undefined, b: number | string | Uint8Array): number | undefined {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return compareUtf8(a, b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  return undefined;
}

function valueAt(item: Item | undefined, path: Path): Value | undefined {
  let value: Value | undefined = item;
  for (const part of path) {
    if (typeof part === 'number') value = isList(value) ? value[part] : undefined;
    else value = isMap(value) && Object.hasOwn(value, part) ? value[part] : undefined;
  }
  return value;
}

/**
 * The actions with values of their own, in an order in which they can be applied one by one. Throws, as for a
 * programming error, for overlapping paths, a change of the key, and what cannot be stored.
 */
export function prepare(actions: readonly Action[]): readonly Action[] {
  return inOrder(actions).map((action) => {
    if ('set' in action) return { set: action.set, to: copyValue(action.to) };
    if ('append' in action) return { append: action.append, values: action.values.map(copyValue) };
    return action;
  });
}

/**
 * The item after an update by prepared actions; the old one is not changed. Throws, as for a programming error: a path
 * without parent or below a value of another type, an addition to what is no number, an append to what is no list, a
 * set past the end of a list (DynamoDB would append, emulators differ).
 */
export function apply(prepared: readonly Action[], item: Item | undefined, key: Key): Item {
  const old = item ?? { pk: key.pk, sk: key.sk };
  let updated: Value = old;
  for (const action of prepared) {
    if (!('remove' in action)) updated = replace(updated, pathOf(action), 0, newValue(action, old));
  }
  // After the sets, and from the end of each list: so every index means what it meant in the old item.
  for (const action of prepared) {
    if ('remove' in action) updated = replace(updated, action.remove, 0, undefined);
  }
  return updated as Item;
}

export function pathOf(action: Action): Path {
  if ('set' in action) return action.set;
  if ('add' in action) return action.add;
  if ('append' in action) return action.append;
  return action.remove;
}

/** The actions, larger list indexes first. Throws if two paths overlap, or one is not allowed. */
export function inOrder(actions: readonly Action[]): readonly Action[] {
  const ordered = actions.toSorted((a, b) => comparePaths(pathOf(a), pathOf(b)));
  for (const [i, action] of ordered.entries()) {
    const path = pathOf(action);
    if (path[0] === 'pk' || path[0] === 'sk') throw new TypeError(`${path[0]} cannot be updated`);
    if (
      !path.every((part) => (typeof part === 'string' ? part !== '' : Number.isInteger(part) && part >= 0))
    ) {
      throw new TypeError(`not a path: ${JSON.stringify(path)}`);
    }
    // In this order, whatever lies below a path comes right behind it.
    const next = ordered[i + 1];
    if (next && path.every((part, depth) => part === pathOf(next)[depth])) {
      throw new TypeError(`overlapping paths: ${JSON.stringify(path)} and ${JSON.stringify(pathOf(next))}`);
    }
  }
  return ordered;
}

function comparePaths(a: Path, b: Path): number {
  for (let depth = 0; depth < a.length && depth < b.length; depth++) {
    const x = a[depth]!;
    const y = b[depth]!;
    if (x === y) continue;
    if (typeof x === 'number') return typeof y === 'number' ? y - x : -1;
    return typeof y === 'number' || x > y ? 1 : -1;
  }
  return a.length - b.length;
}

function newValue(action: Exclude<Action, { remove: Path }>, old: Item): Value {
  if ('set' in action) return action.to;
  const path = pathOf(action);
  const current = valueAt(old, path);
  if ('add' in action) {
    if (typeof current !== 'number') throw new TypeError(`no number at ${JSON.stringify(path)}`);
    return storableNumber(current + action.value);
  }
  if (!isList(current)) throw new TypeError(`no list at ${JSON.stringify(path)}`);
  return current.concat(action.values);
}

/** `value` with what is at `path` (from `depth` on) replaced, or removed if `to` is `undefined`. */
function replace(value: Value | undefined, path: Path, depth: number, to: Value | undefined): Value {
  const part = path[depth]!;
  const last = depth === path.length - 1;
  if (typeof part === 'number' && isList(value)) {
    if (last && to === undefined) return value.toSpliced(part, 1);
    if (part < value.length) return value.with(part, last ? to! : replace(value[part], path, depth + 1, to));
  }
  if (typeof part === 'string' && isMap(value)) {
    if (last && to === undefined) {
      const { [part]: _removed, ...rest } = value;
      return rest;
    }
    if (last) return { ...value, [part]: to! };
    if (Object.hasOwn(value, part)) return { ...value, [part]: replace(value[part], path, depth + 1, to) };
  }
  throw new TypeError(`no such place: ${JSON.stringify(path)}`);
}
