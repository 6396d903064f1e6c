import { constants } from 'node:os';

/** npm passes a Ctrl-C on to a process that had it from the terminal already. */
const SAME_SIGNAL_MS = 500;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface Signals {
  /** The first signal from now on aborts what is returned. */
  phase(): AbortSignal;
  /** Leaves signals to others again. */
  off(): void;
}

/** Before there is a phase to end, and the second time, a signal ends the process at once, after `leave`. */
export function takeSignals(leave: () => void): Signals {
  let phase: AbortController | undefined;
  let firstAtMs: number | undefined;
  const take = (signal: NodeJS.Signals) => {
    const now = performance.now();
    if (firstAtMs !== undefined && now - firstAtMs < SAME_SIGNAL_MS) return;
    if (phase === undefined || firstAtMs !== undefined) {
      leave();
      process.exit(128 + constants.signals[signal]);
    }
    firstAtMs = now;
    phase.abort();
  };
  for (const signal of SIGNALS) process.on(signal, take);
  return {
    phase() {
      phase = new AbortController();
      return phase.signal;
    },
    off() {
      for (const signal of SIGNALS) process.off(signal, take);
    },
  };
}
