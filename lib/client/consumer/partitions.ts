/** What the API calls these, too (lib/group/groups.ts): from there they would bring along the types of all that serves it. */
export interface PartitionName {
  readonly topic: string;
  readonly partition: number;
}

/** A list of names, or an RE2 expression that a name must match as a whole. */
export type Subscription = { readonly topics: readonly string[] } | { readonly pattern: string };

export type AssignorName = 'uniform' | 'range' | 'load';

export interface SeekPosition extends PartitionName {
  readonly offset: number | 'earliest' | 'latest';
}

/** `offset`: of the record that is to be read next. */
export interface CommitOffset extends PartitionName {
  readonly offset: number;
  readonly metadata?: string;
}
