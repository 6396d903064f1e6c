import {
  type AclBinding,
  type AclOperation,
  ANY_HOST,
  ANY_NAME,
  EVERYONE,
  type Resource,
} from './binding.ts';

/** Who calls, and from where. */
export interface Caller {
  /** `User:<name>` */
  readonly principal: string;
  readonly host: string;
}

/** Kafka's `super.users` and `allow.everyone.if.no.acl.found`. */
export interface AuthorizerOptions {
  /** They may do everything, whatever ACLs say: `User:<name>`. */
  readonly superUsers: ReadonlySet<string>;
  /** A resource that no ACL is about is everyone's; otherwise nobody's. Of the cluster, not all is everyone's: see `ADMINISTRATION`. */
  readonly allowEveryoneIfNoAclFound: boolean;
}

/** An ACL set, found by what it is about. */
export interface AclIndex {
  /** By type and name. */
  readonly literal: ReadonlyMap<string, readonly AclBinding[]>;
  /** By type. */
  readonly prefixed: ReadonlyMap<string, readonly AclBinding[]>;
}

export function indexAcls(bindings: readonly AclBinding[]): AclIndex {
  const literal = bindings.filter(({ patternType }) => patternType === 'LITERAL');
  const prefixed = bindings.filter(({ patternType }) => patternType === 'PREFIXED');
  return {
    literal: Map.groupBy(literal, ({ resourceType, resourceName }) => keyOf(resourceType, resourceName)),
    prefixed: Map.groupBy(prefixed, ({ resourceType }) => resourceType),
  };
}

const keyOf = (type: string, name: string): string => `${type} ${name}`;

/** These operations are of no use to who may not see what they are about: to be allowed one is to be allowed the other. */
const IMPLIED_BY: Readonly<Partial<Record<AclOperation, readonly AclOperation[]>>> = {
  DESCRIBE: ['READ', 'WRITE', 'DELETE', 'ALTER'],
  DESCRIBE_CONFIGS: ['ALTER_CONFIGS'],
};

/**
 * What ACLs and quotas are read and changed by, on the cluster. Whoever may change them may take anything from anyone, so that it is
 * everyone's cannot be meant by an operator who has named super users; where there are none, nobody could begin otherwise. Kafka knows no such
 * exception: there, too, everyone is an administrator until an ACL is about the cluster.
 */
const ADMINISTRATION: ReadonlySet<AclOperation> = new Set([
  'ALTER',
  'ALTER_CONFIGS',
  'DESCRIBE',
  'DESCRIBE_CONFIGS',
]);

/**
 * Kafka's rules (its StandardAuthorizer): a super user may; else an ACL that denies wins over any that allows; else one that allows is
 * needed; where no ACL is about the resource at all, the option says, but for `ADMINISTRATION` where there are super users. What denies
 * READ does not deny DESCRIBE.
 */
export function isAllowed(
  index: AclIndex,
  { superUsers, allowEveryoneIfNoAclFound }: AuthorizerOptions,
  { principal, host }: Caller,
  operation: AclOperation,
  { type, name }: Resource,
): boolean {
  if (superUsers.has(principal)) return true;
  const about = [
    ...(index.literal.get(keyOf(type, name)) ?? []),
    ...((name !== ANY_NAME && index.literal.get(keyOf(type, ANY_NAME))) || []),
    ...(index.prefixed.get(type) ?? []).filter(({ resourceName }) => name.startsWith(resourceName)),
  ];
  if (about.length === 0) {
    const isAdministrators = superUsers.size > 0 && type === 'CLUSTER' && ADMINISTRATION.has(operation);
    return allowEveryoneIfNoAclFound && !isAdministrators;
  }
  const own = about.filter(
    (acl) =>
      (acl.principal === principal || acl.principal === EVERYONE) &&
      (acl.host === host || acl.host === ANY_HOST),
  );
  const isOf = (acl: AclBinding, ...operations: readonly AclOperation[]) =>
    acl.operation === 'ALL' || operations.includes(acl.operation);
  if (own.some((acl) => acl.permission === 'DENY' && isOf(acl, operation))) return false;
  const enough = [operation, ...(IMPLIED_BY[operation] ?? [])];
  return own.some((acl) => acl.permission === 'ALLOW' && isOf(acl, ...enough));
}
