import type { TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import fc from 'fast-check';
import { allOperations } from '../../functions/cluster.ts';
import { problemFinder } from '../../lib/rest/schema.ts';
import { anyJsonText } from '../fuzz/json.ts';

/** Of what requests bring: bodies, queries and paths. */
const schemas = new Map<string, TSchema>(
  allOperations.flatMap(({ id, params, query, accepts = {} }) => {
    const bodies = Object.values(accepts).filter((body) => body !== 'binary');
    const all = [...bodies, ...(query ? [query] : []), ...(params ? [params] : [])];
    return all.map((schema, i): [string, TSchema] => [`${id} ${i}`, schema]);
  }),
);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

test.each([...schemas])('%s is checked as TypeBox does', (_, schema) => {
  const problemOf = problemFinder(schema);
  fc.assert(
    fc.property(anyJsonText(schema).map(parsed), (value) => {
      expect(problemOf(value) === undefined).toBe(Value.Check(schema, value));
    }),
    { numRuns: 100 },
  );
});
