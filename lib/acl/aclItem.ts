import { createHash } from 'node:crypto';
import type { Item, Key } from '../storage/ports.ts';
import type { AclBinding } from './binding.ts';

/**
 * An ACL in the metadata store:
 *
 *     pk 'acl'   sk a digest of what it says
 *     acl        text (JSON)
 *     version    counted up by each write, which has it as a condition
 *
 * which when it was deleted leaves a mark in its place, so that a late copy of the call that made it does not bring it back:
 *
 *     version, expiresAt
 */
export const ACL_PK = 'acl';

/** What is stored under an ACL's key: the ACL, or the mark of one that was deleted. */
export interface StoredAcl {
  readonly binding: AclBinding | undefined;
  readonly version: number;
}

export function aclKey({
  resourceType,
  resourceName,
  patternType,
  principal,
  host,
  operation,
  permission,
}: AclBinding): Key {
  const text = JSON.stringify([
    ...[resourceType, resourceName, patternType, principal],
    ...[host, operation, permission],
  ]);
  return { pk: ACL_PK, sk: createHash('sha256').update(text).digest('base64url') };
}

export function encodeAcl(binding: AclBinding, version: number): Item {
  return { ...aclKey(binding), acl: JSON.stringify(binding), version };
}

/** @param expiresAt seconds since the Unix epoch, as DynamoDB's time to live has it */
export function encodeMark(binding: AclBinding, version: number, expiresAt: number): Item {
  return { ...aclKey(binding), version, expiresAt };
}

export function decodeAcl({ acl, version }: Item): StoredAcl {
  return {
    binding: acl === undefined ? undefined : JSON.parse(acl as string),
    version: version as number,
  };
}
