import type { Table } from '../table.ts';
import { joinOnForeignKey } from './foreignKey.ts';
import type { JoinKind } from './options.ts';
import { joinTables } from './tableTable.ts';

// biome-ignore lint/suspicious/noExplicitAny: its overloads give the types.
type Any = any;

/** Of `Table`'s methods: by its key, or by one that each row names. */
export function joinTableBy(kind: JoinKind, table: Table<Any, Any>, args: readonly Any[]): Table<Any, Any> {
  const [other, first, second, materialized] = args;
  if (kind === 'outer' || typeof second !== 'function') return joinTables(kind, table, other, first, second);
  return joinOnForeignKey(kind, table, other, first, second, materialized);
}
