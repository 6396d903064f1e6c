/** An ACL, in Kafka's words (https://kafka.apache.org/documentation/#security_authz). */
export interface AclBinding {
  readonly resourceType: ResourceType;
  readonly resourceName: string;
  readonly patternType: PatternType;
  /** `User:<name>`; `User:*` is everyone. */
  readonly principal: string;
  /** The address that a call comes from; `*` is any. */
  readonly host: string;
  readonly operation: AclOperation;
  readonly permission: Permission;
}

export const RESOURCE_TYPES = ['TOPIC', 'GROUP', 'CLUSTER', 'TRANSACTIONAL_ID', 'DELEGATION_TOKEN'] as const;
export type ResourceType = (typeof RESOURCE_TYPES)[number];

export const PATTERN_TYPES = ['LITERAL', 'PREFIXED'] as const;
export type PatternType = (typeof PATTERN_TYPES)[number];

export const ACL_OPERATIONS = [
  'ALL',
  'READ',
  'WRITE',
  'CREATE',
  'DELETE',
  'ALTER',
  'DESCRIBE',
  'CLUSTER_ACTION',
  'DESCRIBE_CONFIGS',
  'ALTER_CONFIGS',
  'IDEMPOTENT_WRITE',
] as const;
export type AclOperation = (typeof ACL_OPERATIONS)[number];

export const PERMISSIONS = ['ALLOW', 'DENY'] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** The one name of the one resource of type CLUSTER. */
export const CLUSTER_NAME = 'kafka-cluster';
/** A literal name that stands for all. */
export const ANY_NAME = '*';
export const ANY_HOST = '*';
export const EVERYONE = 'User:*';

/** What a call is about: `TOPIC` of a name, and so on. */
export interface Resource {
  readonly type: ResourceType;
  readonly name: string;
}

export const CLUSTER: Resource = { type: 'CLUSTER', name: CLUSTER_NAME };
export const topicResource = (name: string): Resource => ({ type: 'TOPIC', name });
export const groupResource = (name: string): Resource => ({ type: 'GROUP', name });

/** Which ACLs are meant: those that are alike in all that is given. */
export interface AclFilter {
  readonly resourceType?: ResourceType;
  readonly resourceName?: string;
  /**
   * `MATCH`: those that have a say in the resource of that name: of the name itself, of a prefix of it, of `*`. Without a name, and
   * without this, patterns of any type.
   */
  readonly patternType?: PatternType | 'MATCH';
  readonly principal?: string;
  readonly host?: string;
  readonly operation?: AclOperation;
  readonly permission?: Permission;
}

export function isMeant(binding: AclBinding, { patternType, resourceName, ...rest }: AclFilter): boolean {
  const isAlike = Object.entries(rest).every(
    ([field, value]) => value === undefined || binding[field as keyof AclBinding] === value,
  );
  if (!isAlike) return false;
  if (patternType === 'MATCH') return resourceName === undefined || hasSay(binding, resourceName);
  if (patternType !== undefined && binding.patternType !== patternType) return false;
  return resourceName === undefined || binding.resourceName === resourceName;
}

function hasSay({ patternType, resourceName }: AclBinding, name: string): boolean {
  if (patternType === 'PREFIXED') return name.startsWith(resourceName);
  return resourceName === name || resourceName === ANY_NAME;
}

/** In the order of what they are about. */
export function compareBindings(a: AclBinding, b: AclBinding): number {
  const [one, other] = [a, b].map((each) =>
    JSON.stringify([each.resourceType, each.resourceName, each.patternType, each.principal, each]),
  );
  return one! < other! ? -1 : one! > other! ? 1 : 0;
}
