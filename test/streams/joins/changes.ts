import type { ProcessorContext } from '../../../lib/streams/processor/processor.ts';
import type { Change, StreamRecord } from '../../../lib/streams/record.ts';
import type { Topology } from '../../../lib/streams/topology/topology.ts';

/** Notes each change that a node tells, under a name of its own: of a table, what `toStream` does not show. */
export function noteChanges(
  topology: Topology,
  node: string,
  name: string,
): StreamRecord<string, Change<string>>[] {
  const changes: StreamRecord<string, Change<string>>[] = [];
  topology.addProcessor(
    name,
    () => ({
      init: (_context: ProcessorContext<never, never>) => undefined,
      process: (record: StreamRecord<string, Change<string>>) => void changes.push(record),
    }),
    [node],
  );
  return changes;
}

/** The rows that changes come to. Throws for one whose old value is not what the one before has made of the row, and for one that changes nothing. */
export function rowsOf(changes: readonly StreamRecord<string, Change<string>>[]): Map<string, string> {
  const rows = new Map<string, string>();
  for (const [i, { key, value }] of changes.entries()) {
    if (rows.get(key) !== value.oldValue)
      throw new Error(`change ${i}, of ${key}: ${rows.get(key)} is said to have been ${value.oldValue}`);
    if (value.newValue === undefined && value.oldValue === undefined)
      throw new Error(`change ${i}, of ${key}, is of a row that neither was nor is`);
    if (value.newValue === undefined) rows.delete(key);
    else rows.set(key, value.newValue);
  }
  return rows;
}
