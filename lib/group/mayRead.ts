import type { Access } from '../acl/access.ts';
import { topicResource } from '../acl/binding.ts';
import type { Held, Member } from './member.ts';

/**
 * Whether the caller may read what the member holds. Throws TOPIC_AUTHORIZATION_FAILED unless only a pattern led to it: who asked for
 * whatever there is gets what it may read.
 */
export function mayRead(access: Access, { subscription }: Member, { topic }: Held): boolean {
  const resource = topicResource(topic);
  if (access.allows('READ', resource)) return true;
  if (subscription === undefined || 'topics' in subscription) access.require('READ', resource, 'topics');
  return false;
}
