import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { appendRules } from './rules/append.ts';
import { compactionRules } from './rules/compaction.ts';
import { failoverRules } from './rules/failover.ts';
import { garbageRules } from './rules/garbage.ts';
import { groupsRules } from './rules/groups.ts';
import { producersRules } from './rules/producers.ts';
import { readRules } from './rules/read.ts';
import { replicationRules } from './rules/replication.ts';
import { retentionRules } from './rules/retention.ts';
import { rollRules } from './rules/roll.ts';
import { schedulesRules } from './rules/schedules.ts';
import { segmentsRules } from './rules/segments.ts';
import { streamsRules } from './rules/streams.ts';
import { topicsRules } from './rules/topics.ts';
import type { ThemeName } from './scenario.ts';

/**
 * One rule of the log taken away, by a change of one place in its code. A simulation that does not notice has a hole.
 * `from` is found exactly once in the file.
 */
export interface Mutation {
  readonly rule: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** That its rule is of: others never come to it. */
  readonly theme?: ThemeName;
}

const root = new URL('../../', import.meta.url);

export const MUTATIONS: readonly Mutation[] = [
  ...failoverRules,
  ...appendRules,
  ...producersRules,
  ...rollRules,
  ...readRules,
  ...garbageRules,
  ...segmentsRules,
  ...retentionRules,
  ...compactionRules,
  ...schedulesRules,
  ...topicsRules,
  ...groupsRules,
  ...replicationRules,
  ...streamsRules,
];

/** From here on this thread loads the mutated code. Call it before the code is imported. */
export function mutate({ file, from, to }: Mutation): void {
  const target = new URL(file, root).href;
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context);
      if (url !== target) return loaded;
      return { ...loaded, source: replaceOnce(String(loaded.source), from, to) };
    },
  });
}

/** Mutations that do not apply any more, since the code has changed. */
export function staleMutations(): string[] {
  const texts = new Map<string, string>();
  return MUTATIONS.flatMap(({ rule, file, from, to }) => {
    const text = texts.get(file) ?? readFileSync(new URL(file, root), 'utf8');
    texts.set(file, text);
    try {
      replaceOnce(text, from, to);
      return [];
    } catch (error) {
      return [`${rule}: ${file}: ${(error as Error).message}`];
    }
  });
}

function replaceOnce(text: string, from: string, to: string): string {
  const parts = text.split(from);
  if (parts.length !== 2) throw new Error(`found ${parts.length - 1} times instead of once: ${from}`);
  return parts.join(to);
}
