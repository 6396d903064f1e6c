/**
 * The port through which work is handed to whoever has time for it. Messages are short texts; each comes at least once, late,
 * and in any order. One that gets lost is sent again by the planner.
 */
export interface Queue {
  send(messages: readonly string[]): Promise<void>;
  /** How many wait to be received, or nearly so. */
  waiting(): Promise<number>;
}

/** For who has nobody to hand work to: it stays due, and waits for the next plan. */
export const noQueue: Queue = {
  send: async () => undefined,
  waiting: async () => 0,
};
