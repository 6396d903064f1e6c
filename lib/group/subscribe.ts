import { WadiError } from '../errors.ts';
import { matcher } from './assign/subscription.ts';
import { commitHeld, isUnheard } from './commit.ts';
import type { GroupContext } from './context.ts';
import type { MemberName, Subscription } from './groups.ts';
import { changeMember } from './members.ts';
import { noteChange } from './sweep.ts';

/** See `Groups.subscribe`. What the member holds goes, and comes, with the next division. */
export async function subscribe(
  context: GroupContext,
  name: MemberName,
  subscription: Subscription | undefined,
  nextKey?: string,
): Promise<void> {
  if (subscription !== undefined && 'pattern' in subscription) matcher(subscription.pattern);
  let changed = false;
  await changeMember(context, name, async (member) => {
    if (subscription !== undefined && (member.manual || isOtherKind(member.subscription, subscription))) {
      throw exclusive();
    }
    changed = JSON.stringify(member.subscription) !== JSON.stringify(subscription);
    if (member.manual) return { ...member, manual: false, held: [] };
    if (!changed) return undefined;
    // It has yet to take its part, if only of the division that there is: maybe it was in that before, and let go.
    if (subscription !== undefined) return { ...member, subscription, epoch: 0 };
    if (member.config.enableAutoCommit) {
      await commitHeld(context, member, member.held, isUnheard(member, nextKey));
    }
    return { ...member, subscription, held: [] };
  });
  if (changed) await noteChange(context, name.groupId);
}

/** As in Kafka, a subscription must end before one of the other kind begins. */
function isOtherKind(before: Subscription | undefined, after: Subscription): boolean {
  return before !== undefined && 'pattern' in before !== 'pattern' in after;
}

export function exclusive(): WadiError {
  const message = 'Subscription to topics, partitions and pattern are mutually exclusive';
  return new WadiError('INVALID_REQUEST', message, { field: 'subscription' });
}
