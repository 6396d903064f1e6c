/** Every bound of consumer groups, in one place. */
export interface GroupLimits {
  /** How often a group's members are looked through, by whoever calls. */
  readonly sweepMs: number;
  /** How soon after that again, if members came or went. */
  readonly changedMs: number;
  readonly members: number;
  /** Of a group's name, and a member's. */
  readonly nameBytes: number;
  /** `offset.metadata.max.bytes` */
  readonly metadataBytes: number;
  readonly minSessionMs: number;
  readonly maxSessionMs: number;
  /** How often a call tries again when another of the same member, or of the same group, came between. */
  readonly attempts: number;
  /** Requests of one call that are under way at a time. */
  readonly atOnce: number;
  /** How often a poll looks whether there is something, at first and at last. */
  readonly pollMs: number;
  readonly maxPollMs: number;
  /** Of what a poll gives. */
  readonly fetchBytes: number;
  readonly partitionsPerPoll: number;
  /** Keys of polls that are remembered, but for those that are in order. */
  readonly earlierKeys: number;
  /** Items read at a time. */
  readonly itemsPerRead: number;
  /** Groups of which a list tells. */
  readonly groupsPerList: number;
}

export const GROUP_LIMITS: GroupLimits = {
  sweepMs: 5_000,
  changedMs: 100,
  // Their item, the division, is read by all of them after each change: 1,000 names are some 40 KB.
  members: 1_000,
  nameBytes: 249,
  metadataBytes: 4_096,
  minSessionMs: 1_000,
  maxSessionMs: 1_800_000,
  attempts: 12,
  atOnce: 16,
  pollMs: 100,
  maxPollMs: 1_000,
  fetchBytes: 1024 * 1024,
  partitionsPerPoll: 64,
  earlierKeys: 8,
  itemsPerRead: 100,
  groupsPerList: 1_000,
};
