import type { Clock } from './clock.ts';
import type { Log } from './log/log.ts';
import type { Storage } from './storage/ports.ts';
import type { Topics } from './topic/topics.ts';

/** A running Wadi: everything an operation may use. */
export interface Wadi {
  readonly clusterId: string;
  readonly clock: Clock;
  readonly storage: Storage;
  readonly log: Log;
  readonly topics: Topics;
}
