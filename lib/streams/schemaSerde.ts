import type { Static, TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { WadiError } from '../errors.ts';
import { type Serde, Serdes } from './serdes.ts';

/**
 * JSON that fits a TypeBox schema, of the type that the schema says. What does not, read or written, throws INVALID_RECORD with the path (a JSON pointer)
 * of what is wrong first: `/items/0/price: Expected number`. In a file of its own: TypeBox is large.
 */
export function schemaSerde<T extends TSchema>(schema: T): Serde<Static<T>> {
  const json = Serdes.json<Static<T>>(check);

  function check(value: unknown): Static<T> {
    if (Value.Check(schema, value)) return value;
    const { path, message } = Value.Errors(schema, value).First()!;
    throw new WadiError('INVALID_RECORD', `${path || '/'}: ${message}`, { field: path });
  }

  return { ...json, serialize: (value) => json.serialize(check(value)) };
}
