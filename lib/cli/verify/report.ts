import { MAX_VIOLATIONS, type Operation, type PropertyReport } from '../../verify/history.ts';
import { table } from '../table.ts';

const MAX_ERRORS_SHOWN = 10;

/** Operations as a table: how many ended how, how fast those were that succeeded, and what the others were told. */
export function operationsTable(operations: readonly Operation[], elapsedMs: number): string {
  const rows = [['operation', 'ok', 'failed', 'unknown', 'ok/s', 'p50 ms', 'p99 ms']];
  const errors = new Map<string, number>();
  for (const kind of ['append', 'fetch', 'bounds'] as const) {
    const counts = { ok: 0, failed: 0, unknown: 0 };
    const ms: number[] = [];
    for (const operation of operations) {
      if (operation.kind !== kind) continue;
      const { outcome } = operation;
      counts[outcome.is]++;
      if (outcome.is === 'ok') {
        ms.push(operation.returnedAtMs - operation.invokedAtMs);
      } else {
        const error = `${kind} ${outcome.is}: ${outcome.error}`;
        errors.set(error, (errors.get(error) ?? 0) + 1);
      }
    }
    ms.sort((a, b) => a - b);
    const rate = (counts.ok / elapsedMs) * 1_000;
    const cells = [counts.ok, counts.failed, counts.unknown, Math.round(rate)].map(String);
    rows.push([kind, ...cells, percentile(ms, 0.5), percentile(ms, 0.99)]);
  }
  const most = [...errors].sort((a, b) => b[1] - a[1]).slice(0, MAX_ERRORS_SHOWN);
  const told = most.map(([error, count]) => [error, String(count)]);
  return `${table(rows)}${told.length > 0 ? `\n${table([['answer', 'times'], ...told])}` : ''}`;
}

function percentile(sorted: readonly number[], share: number): string {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return value === undefined ? '-' : value.toFixed(1);
}

export function propertiesTable(reports: readonly PropertyReport[]): string {
  const rows = reports.map(({ property, checked, violations }) => {
    const more = violations.length === MAX_VIOLATIONS ? ' or more' : '';
    const isTested = checked > 0 || violations.length > 0;
    return [property, String(checked), isTested ? `${violations.length}${more}` : 'not tested'];
  });
  const violated = reports
    .filter(({ violations }) => violations.length > 0)
    .map(
      ({ property, violations }) =>
        `\nNOT TRUE: ${property}\n${violations.map((line) => `  ${line}\n`).join('')}`,
    );
  return `${table([['property', 'checked', 'violations'], ...rows])}${violated.join('')}`;
}
