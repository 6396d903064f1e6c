import { createHash } from 'node:crypto';
import type { Serde } from '../../../serdes.ts';

/** Of a left row's value: what is told of another value, by then, is stale (KIP-213). */
export type ValueHash = Uint8Array;

const HASH_BYTES = 16;
const NO_VALUE: ValueHash = new Uint8Array(HASH_BYTES);

export function hashOf<V>(serde: Serde<V>, value: V | undefined): ValueHash {
  if (value === undefined) return NO_VALUE;
  return createHash('sha256').update(serde.serialize(value)).digest().subarray(0, HASH_BYTES);
}

/** What the task of the right row keeps of a left row that names it. */
export interface Subscriber {
  readonly hash: ValueHash;
  /** Of the left row: where to respond to (KIP-775). */
  readonly partition: number;
}

/** A left row that names the right row of the record's key, or that no longer does. */
export interface Subscription<K> extends Subscriber {
  readonly is: 'subscribed' | 'unsubscribed';
  readonly primaryKey: K;
}

/** What the right row is, to the left row of the record's key: `undefined` that there is none. */
export interface SubscriptionResponse<VO> {
  readonly hash: ValueHash;
  readonly foreignValue: VO | undefined;
}

/** As it is sent: the partition decides where to, and is not written. */
export interface RoutedResponse<VO> extends SubscriptionResponse<VO> {
  readonly partition: number;
}

const VERSION = 1;
const PARTITION_AT = 2;
const HASH_AT = PARTITION_AT + 4;
const KEY_AT = HASH_AT + HASH_BYTES;

/** Version, whether it is subscribed, four bytes of partition, sixteen of hash, then the primary key. */
export function subscriptions<K>(keySerde: Serde<K>): Serde<Subscription<K>> {
  return {
    serialize({ is, primaryKey, partition, hash }) {
      const key = keySerde.serialize(primaryKey);
      const out = new Uint8Array(KEY_AT + key.length);
      out[0] = VERSION;
      out[1] = is === 'subscribed' ? 1 : 0;
      new DataView(out.buffer).setUint32(PARTITION_AT, partition);
      out.set(hash, HASH_AT);
      out.set(key, KEY_AT);
      return out;
    },
    deserialize(bytes) {
      requireVersion(bytes, KEY_AT, 'subscription');
      return {
        is: bytes[1] === 1 ? 'subscribed' : 'unsubscribed',
        partition: new DataView(bytes.buffer, bytes.byteOffset).getUint32(PARTITION_AT),
        hash: bytes.subarray(HASH_AT, KEY_AT),
        primaryKey: keySerde.deserialize(bytes.subarray(KEY_AT)),
      };
    },
  };
}

/** Four bytes of partition, then the hash. */
export const subscribers: Serde<Subscriber> = {
  serialize({ hash, partition }) {
    const out = new Uint8Array(4 + HASH_BYTES);
    new DataView(out.buffer).setUint32(0, partition);
    out.set(hash, 4);
    return out;
  },
  deserialize: (bytes) => ({
    partition: new DataView(bytes.buffer, bytes.byteOffset).getUint32(0),
    hash: bytes.subarray(4, 4 + HASH_BYTES),
  }),
};

const RESPONSE_HASH_AT = 2;
const RESPONSE_VALUE_AT = RESPONSE_HASH_AT + HASH_BYTES;

/** Version, whether there is a value, sixteen bytes of hash, then the value. */
export function responses<VO>(valueSerde: Serde<VO>): Serde<SubscriptionResponse<VO>> {
  return {
    serialize({ hash, foreignValue }) {
      const value = foreignValue === undefined ? new Uint8Array() : valueSerde.serialize(foreignValue);
      const out = new Uint8Array(RESPONSE_VALUE_AT + value.length);
      out[0] = VERSION;
      out[1] = foreignValue === undefined ? 0 : 1;
      out.set(hash, RESPONSE_HASH_AT);
      out.set(value, RESPONSE_VALUE_AT);
      return out;
    },
    deserialize(bytes) {
      requireVersion(bytes, RESPONSE_VALUE_AT, 'response of a subscription');
      const value = bytes.subarray(RESPONSE_VALUE_AT);
      return {
        hash: bytes.subarray(RESPONSE_HASH_AT, RESPONSE_VALUE_AT),
        foreignValue: bytes[1] === 1 ? valueSerde.deserialize(value) : undefined,
      };
    },
  };
}

function requireVersion(bytes: Uint8Array, least: number, what: string): void {
  if (bytes.length < least || bytes[0] !== VERSION)
    throw new RangeError(`${bytes.length} bytes, the first ${bytes[0]}, are no ${what}`);
}

/** What the keys of all subscribers of a right row begin with: four bytes of its length, then its bytes. */
export function subscribersOf(foreignKey: Uint8Array): Uint8Array {
  const out = new Uint8Array(4 + foreignKey.length);
  new DataView(out.buffer).setUint32(0, foreignKey.length);
  out.set(foreignKey, 4);
  return out;
}

/** The key of a subscriber: that of the right row, then its own. */
export function subscriberKey(foreignKey: Uint8Array, primaryKey: Uint8Array): Uint8Array {
  return Buffer.concat([subscribersOf(foreignKey), primaryKey]);
}
