import { atOnce } from '../atOnce.ts';
import type { OffsetSpec } from '../log/log.ts';
import { fenced } from './commit.ts';
import type { GroupContext } from './context.ts';
import type { MemberName, SeekPosition } from './groups.ts';
import { isHeld } from './member.ts';
import { changeMember } from './members.ts';
import { sync } from './sync.ts';

/** See `Groups.seek`. */
export async function seek(
  context: GroupContext,
  name: MemberName,
  positions: readonly SeekPosition[],
): Promise<void> {
  const { topics, log, limits } = context;
  // As Kafka's consumer, which may not have its part before it asks for it.
  await sync(context, name, { isRepeat: () => true });
  const wanted = await atOnce(positions, limits.atOnce, async ({ topic: topicName, partition, offset }) => {
    const topic = await topics.lookup(topicName);
    const at = typeof offset === 'number' ? offset : await offsetAt(topic, partition, offset);
    return { topicId: topic.id, topic: topicName, partition, offset: at };
  });
  await changeMember(context, name, (member) => {
    const held = member.held.map((each) => {
      const to = wanted.findLast((one) => one.topicId === each.topicId && one.partition === each.partition);
      return to === undefined ? each : { ...each, position: to.offset };
    });
    for (const one of wanted) {
      const isMine = member.held.some(
        (each) => one.topicId === each.topicId && one.partition === each.partition && isHeld(member, each),
      );
      if (!isMine) throw fenced(name, one);
    }
    return { ...member, held };
  });

  async function offsetAt(topic: Parameters<typeof log.listOffsets>[0], partition: number, spec: OffsetSpec) {
    return (await log.listOffsets(topic, partition, spec)).offset;
  }
}
