import { table } from './table.ts';

/** How far somebody is in a partition, as the API tells it. */
export interface Lag {
  readonly topic_name: string;
  readonly partition_id: number;
  /** -1: nowhere yet. */
  readonly current_offset: number;
  readonly log_end_offset: number;
  readonly lag: number;
}

/** A row for each, and their sum. `at` and `by` are what the offset and whoever is there are called. */
export function lagTable<L extends Lag>(
  lags: readonly L[],
  { at, by, nameOf }: { readonly at: string; readonly by: string; readonly nameOf: (lag: L) => string },
): string {
  const total = lags.reduce((sum, { lag }) => sum + lag, 0);
  return table([
    ['topic', 'partition', at, 'end', 'lag', by],
    ...lags.map((it) => [
      it.topic_name,
      String(it.partition_id),
      it.current_offset < 0 ? '-' : String(it.current_offset),
      String(it.log_end_offset),
      String(it.lag),
      nameOf(it),
    ]),
    ['total', '', '', '', String(total), ''],
  ]);
}
