import { resolver } from './assign/subscription.ts';
import type { GroupContext } from './context.ts';
import type { Member } from './member.ts';
import { readMembers } from './members.ts';
import { findGroup, sweep } from './sweep.ts';

/** The members that have a subscription, once those whose session is over were put out: what they held is nobody's then. */
export async function subscribers(context: GroupContext, groupId: string): Promise<Member[]> {
  const group = await findGroup(context, groupId);
  if (group === undefined) return [];
  await sweep(context, group);
  const members = await readMembers(context, groupId);
  return members.filter(({ subscription }) => subscription !== undefined);
}

/** One of them that is subscribed to one of the topics, and which that is. */
export function subscribedTo(
  members: readonly Member[],
  topics: readonly string[],
): { readonly member: Member; readonly topic: string } | undefined {
  const named = topics.map((name) => ({ id: name, name }));
  const topicsOf = resolver(named);
  for (const member of members) {
    const [topic] = topicsOf(member.subscription!);
    if (topic !== undefined) return { member, topic };
  }
  return undefined;
}
