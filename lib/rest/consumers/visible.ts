import type { Access } from '../../acl/access.ts';
import { topicResource } from '../../acl/binding.ts';
import type { MemberState, PartitionName } from '../../group/groups.ts';

/** What the caller may know of an instance, which may be another's: partitions of topics that it may describe. */
export function visible(state: MemberState, access: Access): MemberState {
  const seen = <T extends PartitionName>(partitions: readonly T[]): readonly T[] =>
    partitions.filter(({ topic }) => access.allows('DESCRIBE', topicResource(topic)));
  const { assigned, pending, revoking } = state;
  return { ...state, assigned: seen(assigned), pending: seen(pending), revoking: seen(revoking) };
}

/** Throws TOPIC_AUTHORIZATION_FAILED for the first of the named topics that the caller may not read. */
export function requireReadable(
  access: Access,
  named: readonly { readonly topic: string }[],
  field: string,
): void {
  for (const [i, { topic }] of named.entries())
    access.require('READ', topicResource(topic), `${field}[${i}].topic`);
}
