/** Kafka's JoinWindows: how far apart two records may be that belong together, by event time. All in ms. */
export interface JoinWindows {
  /** The other stream's record may be so much earlier than this one's. */
  readonly beforeMs: number;
  /** The other stream's record may be so much later than this one's. */
  readonly afterMs: number;
  /** How long a window is held open behind its end, by stream time, for records out of order. */
  readonly graceMs: number;
}

export interface JoinWindowsOptions {
  /** Before and after alike, unless either is given. */
  readonly timeDifferenceMs?: number;
  readonly beforeMs?: number;
  readonly afterMs?: number;
  /** 0 unless given: KIP-633 has no other default. */
  readonly graceMs?: number;
}

/** Either bound may be below zero, to leave out what is near; throws RangeError if then nothing is within, or for a grace below zero. */
export function joinWindows(options: JoinWindowsOptions): JoinWindows {
  const { timeDifferenceMs, graceMs = 0 } = options;
  const { beforeMs = timeDifferenceMs, afterMs = timeDifferenceMs } = options;
  if (beforeMs === undefined || afterMs === undefined)
    throw new RangeError('windows of a join need timeDifferenceMs, or beforeMs and afterMs');
  if (!(beforeMs + afterMs >= 0))
    throw new RangeError(`a window from ${beforeMs} ms before to ${afterMs} ms after ends before it begins`);
  if (!(graceMs >= 0)) throw new RangeError(`a grace of ${graceMs} ms`);
  return { beforeMs, afterMs, graceMs };
}
