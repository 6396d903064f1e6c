import { table } from '../../lib/cli/table.ts';
import type { Operation } from '../../lib/verify/history.ts';

/** Of a longer history the end is told. */
const MAX_LINES = 200;

/** One line for each operation, in the order in which they were asked for. */
export function describeOperations(operations: readonly Operation[]): string {
  const byTime = [...operations].sort((a, b) => a.invokedAtMs - b.invokedAtMs);
  const told = byTime.slice(-MAX_LINES);
  const startMs = byTime[0]?.invokedAtMs ?? 0;
  const at = (ms: number) => (Number.isFinite(ms) ? (ms - startMs).toFixed(1) : 'never');
  return table([
    ['asked', 'answered', 'partition', 'via', 'operation'],
    ...told.map((operation) => [
      at(operation.invokedAtMs),
      at(operation.returnedAtMs),
      operation.partition.slice(-6),
      operation.via ?? '',
      `${askedFor(operation)} → ${answerOf(operation)}`,
    ]),
  ]);
}

export function askedFor(operation: Operation): string {
  switch (operation.kind) {
    case 'append':
      return `append ${operation.batches.map(({ values }) => values.map(short).join(' ')).join(' | ')}`;
    case 'fetch':
      return `fetch from ${operation.offset}`;
    case 'bounds':
      return 'bounds';
    case 'deleteRecords':
      return `delete records before ${operation.beforeOffset}`;
    case 'retain':
      return `retain from time ${operation.expiredBefore} on, ${operation.keptBytes} bytes`;
    case 'compact':
      return `compact, ${operation.aheadMs} ms ahead`;
  }
}

export function answerOf(operation: Operation): string {
  const { kind, outcome } = operation;
  if (outcome.is !== 'ok') return `${outcome.is} ${outcome.error ?? ''}`.trim();
  if (kind === 'append')
    return `at ${operation.outcome.is === 'ok' ? operation.outcome.offsets.join(', ') : ''}`;
  if (kind === 'fetch' && operation.outcome.is === 'ok') {
    const { records, nextOffset, highWatermark } = operation.outcome;
    return `${records.map(([offset, value]) => `${offset}:${short(value)}`).join(' ')}, next ${nextOffset} of ${highWatermark}`;
  }
  if (kind === 'compact') return 'done';
  if ('highWatermark' in outcome) return `${outcome.logStartOffset} to ${outcome.highWatermark}`;
  return `log start ${'logStartOffset' in outcome ? outcome.logStartOffset : ''}`;
}

function short(value: string): string {
  return value.replace(/x{10,}$/, '…');
}
