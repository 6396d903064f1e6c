import { commitHeld, isUnheard } from './commit.ts';
import type { GroupContext } from './context.ts';
import type { MemberName } from './groups.ts';
import { deleteMember, readMember, tooBusy, writeMember } from './members.ts';
import { noteChange } from './sweep.ts';

/** See `Groups.leave`. */
export async function leave(context: GroupContext, name: MemberName, nextKey?: string): Promise<void> {
  let caller: MemberName = name;
  for (let attempt = 1; attempt <= context.limits.attempts; attempt++) {
    const member = await readMember(context, caller);
    caller = member;
    const { config, subscription } = member;
    if (config.enableAutoCommit) await commitHeld(context, member, member.held, isUnheard(member, nextKey));
    // As Kafka's: it is expected back.
    if (config.groupInstanceId !== undefined) {
      if ((await writeMember(context, member, { ...member, left: true })) !== undefined) return;
      continue;
    }
    if (!(await deleteMember(context, member))) continue;
    if (subscription !== undefined) await noteChange(context, name.groupId);
    return;
  }
  throw tooBusy(name);
}
