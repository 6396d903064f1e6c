import type { Access } from '../acl/access.ts';
import type { Caller } from '../acl/decide.ts';
import type { FetchResult } from '../log/log.ts';
import type { Topic } from '../topic/topic.ts';

/**
 * Consumer groups as their users see them. No process holds any of it: whoever is called reads what it needs, and
 * changes it by conditional writes (lib/README.md, "Consumer groups").
 */
export interface Groups {
  // ------------------------------------------------------------ members: consumer instances, in REST Proxy's words

  /**
   * `caller`: of a pattern's topics, those count that it may read. Throws INVALID_GROUP_ID, INVALID_CONFIG, UNSUPPORTED_ASSIGNOR, or
   * UNRELEASED_INSTANCE_ID: there is one of that name.
   */
  create(
    groupId: string,
    config?: Partial<MemberConfig>,
    name?: string,
    caller?: Caller,
  ): Promise<Required<MemberName>>;
  /**
   * Commits what was polled if the member commits by itself, and gives its partitions up. A static member keeps them
   * until its session ends. `nextKey`: of the poll that would come next. What a poll with a key has given counts as received if
   * that is another, and is not committed if it is the same or none is told.
   */
  leave(member: MemberName, nextKey?: string): Promise<void>;
  /**
   * Replaces the subscription; `undefined` ends it, and what it held is let go as in `leave`. Throws INVALID_REGULAR_EXPRESSION;
   * INVALID_REQUEST if partitions are assigned, or the subscription is of the other kind.
   */
  subscribe(member: MemberName, subscription: Subscription | undefined, nextKey?: string): Promise<void>;
  /** Partitions that the member reads beside all groups' division of them. Throws INVALID_REQUEST if it has a subscription. */
  assign(member: MemberName, partitions: readonly PartitionName[]): Promise<void>;
  describeMember(member: MemberName): Promise<MemberState>;
  /**
   * Keeps the session and brings the assignment up to date. `revoked`: partitions of `MemberState.revoking` that the member
   * has stopped to process.
   */
  heartbeat(member: MemberName, revoked?: readonly PartitionName[]): Promise<MemberState>;
  /**
   * Hands the records behind the member's positions to `page`, and moves the positions as far as it took them. Returns when
   * something was taken, or after `maxWaitMs`. Commits what the poll before has given if the member commits by itself.
   */
  poll(member: MemberName, request: PollRequest): Promise<MemberState>;
  /**
   * Where the next poll goes on; beyond the end, where `auto.offset.reset` says (OFFSET_OUT_OF_RANGE if that is 'error'). Throws
   * FENCED_MEMBER_EPOCH for a partition that is not assigned to the member.
   */
  seek(member: MemberName, positions: readonly SeekPosition[]): Promise<void>;
  /**
   * Stores positions: all that was polled, if none are given, but for what a poll of `nextKey`, which is to be asked for next,
   * has given. Throws FENCED_MEMBER_EPOCH for a partition that is not the member's any more, OFFSET_OUT_OF_RANGE for one beyond
   * the end, OFFSET_METADATA_TOO_LARGE.
   */
  commit(member: MemberName, offsets?: readonly CommitOffset[], nextKey?: string): Promise<void>;
  /** In the order asked for; `undefined` where nothing is committed. */
  committed(groupId: string, partitions: readonly PartitionName[]): Promise<(Committed | undefined)[]>;

  // ------------------------------------------------------------ groups: for operators

  /** In the order of their names, from the first after `after`. */
  list(options?: { after?: string; limit?: number }): Promise<GroupSummary[]>;
  /** Throws GROUP_ID_NOT_FOUND. */
  describe(groupId: string): Promise<GroupDescription>;
  /** Of all partitions with a committed position or an owner. Throws GROUP_ID_NOT_FOUND. */
  lags(groupId: string): Promise<PartitionLag[]>;
  /**
   * Moves committed positions, of a group in which nobody has a subscription; makes the group if there is none. Answers where they
   * are (or, with `dryRun`, would be). Throws NON_EMPTY_GROUP, and changes nothing then; OFFSET_OUT_OF_RANGE is never thrown: what
   * is out of range is moved into it, as Kafka's tool does.
   */
  reset(
    groupId: string,
    partitions: readonly PartitionName[],
    to: ResetSpec,
    options?: { dryRun?: boolean },
  ): Promise<ResetResult[]>;
  /** Forgets committed positions. Throws GROUP_SUBSCRIBED_TO_TOPIC if a member is subscribed to one of the topics. */
  deletePositions(groupId: string, partitions: readonly PartitionName[]): Promise<void>;
  /** Throws NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND. */
  delete(groupId: string): Promise<void>;
  /**
   * Puts out members whose session is over, and forgets positions of topics that are gone; and the whole group, if it has had no
   * member and no commit for so long. For maintenance; repeating it is harmless.
   */
  tidy(groupId: string, retentionMs: number): Promise<{ positionsDeleted: number; groupsDeleted: number }>;
}

export interface MemberName {
  readonly groupId: string;
  /** The instance's: unique in its group. */
  readonly name: string;
  /** Whose call it is: refused with FENCED_INSTANCE_ID if the name is another incarnation's by now. Else of whoever has the name. */
  readonly memberId?: string;
}

export interface PartitionName {
  readonly topic: string;
  readonly partition: number;
}

/** A list of names, or an RE2 expression that a name must match as a whole. */
export type Subscription = { readonly topics: readonly string[] } | { readonly pattern: string };

/** `byDurationMs`: KIP-1106's `by_duration`. */
export type OffsetReset = 'earliest' | 'latest' | 'error' | { readonly byDurationMs: number };

export type AssignorName = 'uniform' | 'range' | 'load';

/** By Kafka's names, in TypeScript's spelling. */
export interface MemberConfig {
  /** `session.timeout.ms`: a member that is not heard of for so long is put out of its group. 300,000, as REST Proxy's instances. */
  readonly sessionTimeoutMs: number;
  readonly autoOffsetReset: OffsetReset;
  readonly enableAutoCommit: boolean;
  readonly autoCommitIntervalMs: number;
  readonly fetchMinBytes: number;
  readonly fetchMaxBytes: number;
  readonly maxPollRecords: number;
  /** `consumer.request.timeout.ms`: how long a poll waits. */
  readonly requestTimeoutMs: number;
  /** `group.instance.id` */
  readonly groupInstanceId: string | undefined;
  /** `group.remote.assignor` */
  readonly assignor: AssignorName;
  /** REST Proxy's and the bridge's `format`: how polls are answered. */
  readonly format: string;
  /**
   * `wadi.confirm.revocation`: partitions that go to another member stay the member's, unread, until it says that it has
   * stopped (`heartbeat`), or for `max.poll.interval.ms` at most.
   */
  readonly confirmRevocation: boolean;
  readonly maxPollIntervalMs: number;
}

/** What a member is told of its part. */
export interface MemberState {
  /** Of this incarnation: another comes with each `create`. */
  readonly memberId: string;
  readonly config: MemberConfig;
  readonly subscription: Subscription | undefined;
  /** Of the group, when the member last took its part. */
  readonly epoch: number;
  /** It holds these: nobody else reads or commits them. */
  readonly assigned: readonly HeldPartition[];
  /** These are its part, but another has yet to let them go. */
  readonly pending: readonly PartitionName[];
  /** Of `assigned`: those that it is to stop with, and confirm. */
  readonly revoking: readonly PartitionName[];
  readonly heartbeatIntervalMs: number;
}

export interface HeldPartition extends PartitionName {
  /** Of the next record that a poll gives. */
  readonly position: number;
}

export interface SeekPosition extends PartitionName {
  readonly offset: number | 'earliest' | 'latest';
}

export interface CommitOffset extends PartitionName {
  readonly offset: number;
  readonly metadata?: string;
}

export interface Committed {
  readonly offset: number;
  readonly metadata: string;
  readonly committedAtMs: number;
}

export interface PollRequest {
  /**
   * Makes a page, empty, for a member of that config: more than once if another call of the same member came between. What it
   * throws refuses the poll, and so does what its `add` throws: then nothing has moved.
   */
  readonly page: (config: MemberConfig) => RecordsPage;
  /** Of the batches that are fetched. */
  readonly maxBytes?: number;
  readonly maxWaitMs?: number;
  /**
   * The same key again, of the poll before: the same records again, and nothing moves or is committed. So a client that keeps a
   * key until an answer brings records loses nothing. Keys `<text>/<number>` are in order, within one text: then a copy of an
   * earlier poll that comes late, however late, is refused, and takes nothing. INVALID_FETCH_SESSION_EPOCH: that, or all that a poll
   * with the key gave is another's by now, or gone, or was sought away from; another key is to come next.
   */
  readonly idempotencyKey?: string;
  /** Records of topics that may not be read are not given: TOPIC_AUTHORIZATION_FAILED, if they are not only a pattern's. */
  readonly access?: Access;
  readonly signal?: AbortSignal;
}

/** What an answer is written to. */
export interface RecordsPage {
  /**
   * Takes records of a fetch from `fromOffset` on, up to `toOffset` (exclusive) if that is given, as far as there is room. Returns how
   * many, where the next page goes on, and whether there is no room left.
   */
  add(
    topic: Topic,
    partition: number,
    fetched: FetchResult,
    fromOffset: number,
    toOffset?: number,
  ): { records: number; nextOffset: number; full: boolean };
}

/** KIP-848's states: `assigning` while the division lags behind the members, `reconciling` while members lag behind the division. */
export type GroupState = 'empty' | 'assigning' | 'reconciling' | 'stable';

export interface GroupSummary {
  readonly groupId: string;
}

export interface GroupDescription {
  readonly groupId: string;
  readonly state: GroupState;
  readonly epoch: number;
  readonly assignor: AssignorName;
  readonly members: readonly MemberDescription[];
}

export interface MemberDescription {
  readonly name: string;
  readonly memberId: string;
  readonly groupInstanceId: string | undefined;
  readonly subscription: Subscription | undefined;
  readonly epoch: number;
  /** What it holds. */
  readonly assigned: readonly HeldPartition[];
  /** What it is to hold. */
  readonly target: readonly PartitionName[];
  readonly lastSeenMs: number;
}

export interface PartitionLag extends PartitionName {
  /** -1: none is committed. */
  readonly committedOffset: number;
  readonly metadata: string;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** To the end from what is committed, or from the log start if nothing is. */
  readonly lag: number;
  readonly owner: Pick<MemberDescription, 'name' | 'memberId' | 'groupInstanceId'> | undefined;
}

export type ResetSpec =
  | { readonly offset: number }
  | { readonly timestamp: number }
  | 'earliest'
  | 'latest'
  /** From where it is: `shift` -10 reads the last ten again. */
  | { readonly shift: number };

export interface ResetResult extends PartitionName {
  readonly offset: number;
  /** -1: there was none. */
  readonly before: number;
}
