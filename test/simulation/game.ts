import type { PropertyReport } from '../../lib/verify/history.ts';
import type { Coverage } from './faults.ts';
import type { ThemeName } from './scenario.ts';

/** What came of one history. */
export interface Played {
  readonly reports: readonly PropertyReport[];
  readonly coverage: Coverage;
  readonly operations: number;
  readonly fingerprint: string;
}

/** Plays the history of a seed. `log` is given every event. */
export type Game = (seed: number, log?: (line: string) => void) => Promise<Played>;

/** Histories of failovers, and of streams, have stages of their own; of all others, those of a theme, or any. Code is loaded when it is asked for. */
export async function gameOf(theme: ThemeName | undefined): Promise<Game> {
  if (theme === 'failovers') return (await import('./failovers/play.ts')).playFailovers;
  if (theme === 'streams') return (await import('./streams/play.ts')).playStreams;
  const { play } = await import('./run.ts');
  const { scenarioOf } = await import('./scenario.ts');
  return async (seed, log) => {
    const run = await play(scenarioOf(seed, theme), log);
    return { ...run, operations: run.history.operations.length };
  };
}

export function violatedIn({ reports }: Pick<Played, 'reports'>): readonly PropertyReport[] {
  return reports.filter(({ violations }) => violations.length > 0);
}
