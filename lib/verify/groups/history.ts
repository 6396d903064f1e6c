import type { FinalPartition } from '../history.ts';

/**
 * What members and operators of consumer groups asked and were answered, and what the store held meanwhile. Only the simulation
 * records it. Times are those of `History`.
 */
export interface GroupHistory {
  /** In the order in which they were asked. */
  readonly calls: readonly GroupCall[];
  /** Every write to the store that was applied, in that order. */
  readonly stored: readonly Stored[];
  /** What is there at the end, by partition. */
  readonly final: ReadonlyMap<GroupPartition, FinalPartition>;
  /** What was found when all was to be at rest. */
  readonly rests: readonly Rest[];
  /** How far the clocks of those who served may be apart. */
  readonly clocksApartMs: number;
}

/** `<topic's name>/<partition>`: in these histories no topic is deleted. */
export type GroupPartition = string;

export type GroupCall = MemberCall | OperatorCall;

interface Called {
  readonly groupId: string;
  readonly invokedAtMs: number;
  /** Infinity: no answer came. */
  readonly returnedAtMs: number;
  readonly via: string;
  /** `unknown`: no answer, or one that says to try again. */
  readonly outcome: { readonly is: 'ok' } | { readonly is: 'failed' | 'unknown'; readonly error?: string };
}

export interface MemberCall extends Called {
  readonly kind: 'create' | 'subscribe' | 'heartbeat' | 'poll' | 'seek' | 'commit' | 'leave';
  /** The instance's name. */
  readonly member: string;
  /** The memberId that it said it was: it may not have known any. */
  readonly as?: string;
  /** What it was told, and when that was sent: it may not have come. */
  readonly told?: Told;
  readonly toldAtMs?: number;
  /** Of a poll: what it gave or, if it was not told anything, may have given. */
  readonly given?: readonly Given[];
  /** Of a poll: what each of its attempts may have given; `given` is of the last. */
  readonly tried?: readonly (readonly Given[])[];
  /** Of a poll that will be repeated until it is answered. */
  readonly key?: string;
  /** Of a commit or a seek. A commit without them is of all that was polled. */
  readonly offsets?: readonly Offset[];
}

export interface Told {
  readonly memberId: string;
  readonly epoch: number;
  readonly holds: readonly GroupPartition[];
  readonly pending: readonly GroupPartition[];
  readonly revoking: readonly GroupPartition[];
}

/** Records of a partition from offset `from` up to, and without, `to`. */
export interface Given {
  readonly partition: GroupPartition;
  readonly from: number;
  readonly to: number;
  readonly records: readonly number[];
}

export interface Offset {
  readonly partition: GroupPartition;
  readonly offset: number;
  readonly metadata: string;
}

export interface OperatorCall extends Called {
  readonly kind: 'committed' | 'reset' | 'deletePositions' | 'deleteGroup';
  /** Of those that ask for some. */
  readonly partitions?: readonly GroupPartition[];
  /** What is committed, or was reset to; of those that have something. */
  readonly answered?: readonly Offset[];
}

/** An item as it was put, or that it was deleted. */
export type Stored = StoredPosition | StoredMember | StoredGroup;

interface Landed {
  readonly groupId: string;
  readonly atMs: number;
  readonly via: string;
}

export interface StoredPosition extends Landed {
  readonly kind: 'position';
  readonly partition: GroupPartition;
  readonly position: PositionNow | undefined;
}

export interface PositionNow {
  /** '': nobody. */
  readonly owner: string;
  readonly epoch: number;
  /** -1: none. */
  readonly offset: number;
  readonly metadata: string;
}

export interface StoredMember extends Landed {
  readonly kind: 'member';
  readonly name: string;
  readonly member:
    | {
        readonly memberId: string;
        readonly autoCommit: boolean;
        /** It is static, and has left for a while. */
        readonly left: boolean;
        readonly sessionMs: number;
        /** By the clock of whoever served it. */
        readonly lastSeenMs: number;
        /** The partitions that it may read and commit. */
        readonly holds: readonly GroupPartition[];
      }
    | undefined;
}

export interface StoredGroup extends Landed {
  readonly kind: 'group';
  readonly exists: boolean;
}

/** A group in which nobody has come or gone for long, and nothing failed. */
export interface Rest {
  readonly groupId: string;
  readonly atMs: number;
  readonly assignor: string;
  /** What the live members were told last, with the topics that they are subscribed to. */
  readonly members: readonly (Told & { readonly name: string; readonly topics: readonly string[] })[];
  /** All partitions of these topics. */
  readonly partitions: readonly GroupPartition[];
  /** Where each of them ended then, when one more record had been appended. */
  readonly ends: ReadonlyMap<GroupPartition, number>;
  /** Of these records, those that the polls that followed did not give. */
  readonly missing: readonly GroupPartition[];
}
