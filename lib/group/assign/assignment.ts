import type { Parts } from '../parts.ts';

export interface Situation {
  /** `topics`: ids of what the member is subscribed to. Members that share one array cost less. */
  readonly members: readonly { readonly name: string; readonly topics: readonly string[] }[];
  readonly topics: readonly { readonly id: string; readonly partitions: number }[];
  /** The division before. It may name members, topics and partitions that are gone. */
  readonly current: ReadonlyMap<string, Parts>;
  /** What a partition's reader has to do, in any unit; only `load` asks for it. */
  readonly loads?: (topicId: string, partition: number) => number;
}

/**
 * Gives each partition of a topic that anybody is subscribed to, to one of its subscribers. Every member is in the answer,
 * in the order of names, if only with nothing. The order in which a situation lists things does not matter, and what comes
 * out, as `current`, comes out again.
 */
export type Assignor = (situation: Situation) => Map<string, Parts>;
