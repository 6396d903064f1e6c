import type { PunctuationType } from '../processor/processor.ts';

export interface Schedule {
  readonly type: PunctuationType;
  readonly intervalMs: number;
}

interface Punctuation extends Schedule {
  readonly punctuate: (timestamp: number) => void;
  /** When it is due next; `undefined` while its time is not known. */
  nextMs: number | undefined;
}

export interface Punctuations {
  add(type: PunctuationType, intervalMs: number, punctuate: (timestamp: number) => void): void;
  /** Calls what is due at that time, in the order in which it was asked for. */
  advance(type: PunctuationType, nowMs: number): void;
  /** When each is due next, in that order, for `restore` in another worker. */
  save(): readonly (number | null)[];
  /** In that order. */
  schedules(): readonly Schedule[];
}

/** Whether one that goes by wall-clock time is due, or has no time yet, as far as was saved. */
export function isWallClockDue(
  schedules: readonly Schedule[],
  saved: readonly (number | null)[],
  nowMs: number,
): boolean {
  return schedules.some(({ type, intervalMs }, i) => {
    const nextMs = saved[i] ?? nowMs;
    return type === 'wall-clock-time' && (nextMs <= nowMs || isWrong(nextMs, intervalMs, nowMs));
  });
}

/** It is of a clock that was ahead, and has been set back. */
const isWrong = (nextMs: number, intervalMs: number, nowMs: number): boolean => nextMs > nowMs + intervalMs;

/**
 * Kafka's PunctuationQueue: stream time begins at 0, so its first call is as soon as there is any time; wall-clock time begins now. Of several
 * calls that were missed one is made up for, and the next is at a multiple of the interval. One that would be later than in an interval begins anew.
 */
export function createPunctuations(saved: readonly (number | null)[]): Punctuations {
  const all: Punctuation[] = [];
  return {
    add(type, intervalMs, punctuate) {
      if (!(intervalMs >= 1)) throw new RangeError(`an interval of ${intervalMs} ms`);
      const nextMs = saved[all.length] ?? (type === 'stream-time' ? 0 : undefined);
      all.push({ type, intervalMs, punctuate, nextMs });
    },
    advance(type, nowMs) {
      for (const each of all) {
        if (each.type !== type) continue;
        if (each.nextMs === undefined || isWrong(each.nextMs, each.intervalMs, nowMs))
          each.nextMs = nowMs + each.intervalMs;
        if (each.nextMs > nowMs) continue;
        each.punctuate(nowMs);
        const missed = Math.floor((nowMs - each.nextMs) / each.intervalMs);
        each.nextMs += (missed + 1) * each.intervalMs;
      }
    },
    save: () => all.map(({ nextMs }) => nextMs ?? null),
    schedules: () => all.map(({ type, intervalMs }) => ({ type, intervalMs })),
  };
}
