import type { Clock } from '../../lib/clock.ts';
import type { Random } from '../simulation/random.ts';

export interface VirtualTime {
  now(): number;
  sleep(ms: number): Promise<void>;
  /** Goes on from event to event, up to that time; `after` each, when all that it led to at once is done. */
  run(untilMs: number, after: () => void): Promise<void>;
  /** Of a process: off by `offsetMs`, and no sleep ends while it is frozen. */
  clock(random: Random, offsetMs: number, thawed: () => Promise<void>): Clock;
}

/** Time that passes as fast as it can. */
export function virtualTime(): VirtualTime {
  const events: { atMs: number; wake: () => void }[] = [];
  let nowMs = 0;

  const sleep = (ms: number) =>
    new Promise<void>((wake) => {
      const atMs = nowMs + ms;
      const behind = events.findIndex((event) => event.atMs > atMs);
      events.splice(behind < 0 ? events.length : behind, 0, { atMs, wake });
    });

  return {
    now: () => nowMs,
    sleep,
    async run(untilMs, after) {
      const settled = () => new Promise((resolve) => setImmediate(resolve));
      await settled();
      while (events.length > 0 && events[0]!.atMs <= untilMs) {
        const { atMs, wake } = events.shift()!;
        nowMs = atMs;
        wake();
        await settled();
        after();
      }
      nowMs = untilMs;
    },
    clock: (random, offsetMs, thawed) => ({
      now: () => Math.floor(nowMs + offsetMs),
      async sleep(ms) {
        await sleep(ms);
        await thawed();
      },
      random: (length) => random.bytes(length),
    }),
  };
}
