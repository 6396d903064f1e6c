import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Item, Value } from '../ports.ts';
import { isList, isMap, storableName, storableNumber } from '../value.ts';

type Attributes = Record<string, AttributeValue>;

/** Throws a TypeError for what cannot be stored. */
export function toAttribute(value: Value): AttributeValue {
  if (value === null) return { NULL: true };
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'number') return { N: String(storableNumber(value)) };
  if (typeof value === 'boolean') return { BOOL: value };
  if (value instanceof Uint8Array) return { B: value };
  if (isList(value)) return { L: value.map(toAttribute) };
  if (isMap(value)) return { M: toAttributes(value) };
  throw new TypeError(`a value of type ${typeof value} cannot be stored`);
}

export function toAttributes(map: { readonly [name: string]: Value }): Attributes {
  return Object.fromEntries(
    Object.entries(map).map(([name, value]) => [storableName(name), toAttribute(value)]),
  );
}

export function toItem(attributes: Attributes): Item {
  return toMap(attributes) as Item;
}

function toMap(attributes: Attributes): { [name: string]: Value } {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, toValue(value)]));
}

function toValue(attribute: AttributeValue): Value {
  if (attribute.S !== undefined) return attribute.S;
  if (attribute.N !== undefined) return Number(attribute.N);
  if (attribute.B !== undefined) return attribute.B;
  if (attribute.L !== undefined) return attribute.L.map(toValue);
  if (attribute.M !== undefined) return toMap(attribute.M);
  if (attribute.BOOL !== undefined) return attribute.BOOL;
  if (attribute.NULL !== undefined) return null;
  throw new TypeError(`an attribute that Wadi does not write: ${Object.keys(attribute)}`);
}
