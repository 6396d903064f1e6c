import { GlobalTable } from '../globalTable.ts';
import { Stream } from '../stream.ts';
import { Table } from '../table.ts';
import type { JoinKind } from './options.ts';
import { joinGlobalTable } from './streamGlobalTable.ts';
import { joinStreams } from './streamStream.ts';
import { joinTable } from './streamTable.ts';

// biome-ignore lint/suspicious/noExplicitAny: what a stream is joined with decides what the arguments are; its overloads say so.
type Any = any;

/** Of `Stream`'s methods: by what it is joined with. */
export function joinStream(kind: JoinKind, stream: Stream<Any, Any>, args: readonly Any[]): Stream<Any, Any> {
  const [other, first, second, options] = args;
  if (other instanceof Stream) return joinStreams(kind, stream, other, first, second, options);
  if (kind === 'outer') throw new TypeError('an outer join of a stream is with a stream');
  if (other instanceof Table) return joinTable(kind, stream, other, first, second);
  if (other instanceof GlobalTable) return joinGlobalTable(kind, stream, other, first, second, options);
  throw new TypeError('a stream is joined with a stream, a table or a global table');
}
