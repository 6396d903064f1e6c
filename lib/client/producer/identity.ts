import type { ClientError } from '../clientError.ts';

/**
 * An idempotent producer as one partition knows it: epochs and sequences are counted by each partition for itself. The id is
 * drawn at random, 62 bits of it, so nobody else ever has it.
 */
export interface Identity {
  readonly id: bigint;
  readonly epoch: number;
  /** Of the next record. */
  readonly sequence: number;
}

const MAX_EPOCH = 0x7fff;
const SEQUENCES = 2 ** 31;

export function newIdentity(random: (length: number) => Uint8Array): Identity {
  const bytes = random(8);
  const drawn = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0);
  return { id: drawn & 0x3fff_ffff_ffff_ffffn, epoch: 0, sequence: 0 };
}

/** After `count` records were appended. Sequences wrap from 2^31 - 1 to 0. */
export function advanced(identity: Identity, count: number): Identity {
  return { ...identity, sequence: (identity.sequence + count) % SEQUENCES };
}

/**
 * The next epoch, which begins with sequence 0. From its first append on, attempts of the epoch before that are still on
 * their way are refused. Only for a partition with nothing in flight.
 */
export function renewed(identity: Identity, random: (length: number) => Uint8Array): Identity {
  if (identity.epoch === MAX_EPOCH) return newIdentity(random);
  return { id: identity.id, epoch: identity.epoch + 1, sequence: 0 };
}

/** What follows from an append that failed, with all its attempts. */
export type Consequence =
  /** It is in the log, too far back for its offset to be told. */
  | 'appended'
  /** The partition does not know the producer any more: the same records again, in a new epoch. */
  | 'renew-and-repeat'
  /** Nothing was appended: smaller batches may be. */
  | 'split'
  /** Nothing was appended: other records may have the sequences. */
  | 'fail'
  /** It may be appended, or may be yet: others with its sequences would be taken for it. */
  | 'fail-and-renew';

/**
 * `renewed`: it was in a new epoch already, for which there is no reason to be out of order. A request is appended whole or
 * not at all, and every attempt carries the same batches: so one duplicate in it means that all of it is there.
 */
export function consequenceOf(error: ClientError, renewed: boolean): Consequence {
  switch (error.kafka) {
    case 'DUPLICATE_SEQUENCE_NUMBER':
      return 'appended';
    case 'OUT_OF_ORDER_SEQUENCE_NUMBER':
      // Had an attempt landed, this one would be its duplicate; one that is late will be of an old epoch.
      return renewed ? 'fail-and-renew' : 'renew-and-repeat';
    case 'INVALID_PRODUCER_EPOCH':
      return 'fail-and-renew';
    case 'MESSAGE_TOO_LARGE':
      return error.outcome === 'refused' ? 'split' : 'fail-and-renew';
    default:
      return error.outcome === 'refused' ? 'fail' : 'fail-and-renew';
  }
}
