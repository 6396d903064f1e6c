import type { ObjectStore } from '../storage/ports.ts';

/** A region that keeps replicas, or may. */
export interface Region {
  /** From 1 up, in the order of the configuration: Kafka's broker id. */
  readonly id: number;
  /** Kafka's rack: `eu-central-1`. */
  readonly name: string;
  readonly objects: ObjectStore;
  /** Where its front is, if it is known. */
  readonly url?: string;
}
