import type { Item, Key } from '../storage/ports.ts';
import type { Bucket } from './bucket.ts';

/** What is limited. */
export type Direction = 'produce' | 'fetch';

/** Kafka's client quotas of a user, in bytes a second; what is missing is not limited. */
export interface Quota {
  /** `User:<name>`; `User:*` for each that has none of its own. */
  readonly principal: string;
  readonly producerByteRate?: number;
  readonly consumerByteRate?: number;
}

/**
 * A quota in the metadata store:
 *
 *     pk 'quota'   sk the principal
 *     producerByteRate, consumerByteRate   each missing if there is none
 *     version                              counted up by each write, which has it as a condition
 *
 * which when it was taken away leaves a mark in its place, so that a late copy of the call that made it does not bring it back:
 *
 *     version, expiresAt
 */
export const QUOTA_PK = 'quota';

export function encodeQuota({ principal, ...rates }: Quota, version: number): Item {
  return { pk: QUOTA_PK, sk: principal, ...rates, version };
}

/** @param expiresAt seconds since the Unix epoch, as DynamoDB's time to live has it */
export function encodeMark({ principal }: Quota, version: number, expiresAt: number): Item {
  return { pk: QUOTA_PK, sk: principal, version, expiresAt };
}

/** Whether it limits anything: one without rates is none. */
export function isLimit({ producerByteRate, consumerByteRate }: Quota): boolean {
  return (producerByteRate ?? consumerByteRate) !== undefined;
}

export function decodeQuota({ sk: principal, producerByteRate, consumerByteRate }: Item): Quota {
  return {
    principal,
    ...(producerByteRate !== undefined && { producerByteRate: producerByteRate as number }),
    ...(consumerByteRate !== undefined && { consumerByteRate: consumerByteRate as number }),
  };
}

/**
 * What a principal has left, in the log store, where all that produce and fetch may count:
 *
 *     pk 'spent/<direction>/<principal>'   sk 'bucket'
 *     bytes, atMs              see `Bucket`
 *     version                  counted up by each write, which has it as a condition;  stamp: of that write
 */
/** What the keys begin with, by which roles are allowed to write them. */
export const SPENT = 'spent/';

export function bucketKey(direction: Direction, principal: string): Key {
  return { pk: `${SPENT}${direction}/${principal}`, sk: 'bucket' };
}

export function encodeBucket(key: Key, { bytes, atMs }: Bucket, version: number, stamp: string): Item {
  return { ...key, bytes, atMs, version, stamp };
}

export function decodeBucket({ bytes, atMs, version }: Item): Bucket & { readonly version: number } {
  return { bytes: bytes as number, atMs: atMs as number, version: version as number };
}
