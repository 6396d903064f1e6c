import { WadiError } from '../errors.ts';

export function noneIfUnknown(error: unknown): undefined {
  if (!(error instanceof WadiError) || error.kafka !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
}

/** The log start may have passed the position since the bounds were read: the next poll sees it. */
export function noneIfGone(error: unknown): undefined {
  if (!(error instanceof WadiError) || error.kafka !== 'OFFSET_OUT_OF_RANGE') noneIfUnknown(error);
}
