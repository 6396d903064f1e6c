import type { Append, Operation } from './history.ts';
import type { Sighting } from './partition.ts';

const MAX_VALUES_SHOWN = 3;

/** An operation in a few words, by which it can be found in the history. */
export function describe(operation: Sighting): string {
  if (operation === 'final') return 'what is there at the end';
  const { invokedAtMs, returnedAtMs, via } = operation;
  const until = returnedAtMs === Infinity ? '…' : ms(returnedAtMs);
  return `${what(operation)} (${ms(invokedAtMs)}–${until} ms${via === undefined ? '' : `, via ${via}`})`;
}

function what(operation: Operation): string {
  switch (operation.kind) {
    case 'append':
      return `${operation.outcome.is} append of ${sent(operation)}`;
    case 'fetch':
      return `fetch at ${operation.offset}${operation.consumer === undefined ? '' : ` by ${operation.consumer}`}`;
    case 'bounds':
      return 'bounds';
    case 'deleteRecords':
      return `${operation.outcome.is} deletion before ${operation.beforeOffset}`;
    case 'retain':
      return `${operation.outcome.is} retention from ${operation.expiredBefore} on, of ${operation.keptBytes} bytes`;
    case 'compact':
      return `${operation.outcome.is} compaction`;
  }
}

function sent({ batches }: Append): string {
  const producers = [...new Set(batches.map(({ producer }) => producer))].join(', ');
  return `${some(batches.flatMap(({ values }) => values))} by ${producers}`;
}

export function some(values: readonly string[]): string {
  const shown = values.slice(0, MAX_VALUES_SHOWN).map((value) => `'${value}'`);
  const more = values.length - shown.length;
  return `${shown.join(' ')}${more > 0 ? ` and ${more} more` : ''}`;
}

export function ms(time: number): string {
  return String(Math.round(time * 1_000) / 1_000);
}
