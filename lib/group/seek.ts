import { atOnce } from '../atOnce.ts';
import { startOf } from './claim.ts';
import { beyondEnd, fenced } from './commit.ts';
import type { GroupContext } from './context.ts';
import type { MemberConfig, MemberName, SeekPosition } from './groups.ts';
import { isHeld, replaced, sameHeld } from './member.ts';
import { changeMember } from './members.ts';
import { type PositionOf, readPositions } from './positions.ts';
import { sync } from './sync.ts';

/** A position that is wanted. */
type Sought = PositionOf & { readonly offset: number };

/** See `Groups.seek`. */
export async function seek(
  context: GroupContext,
  name: MemberName,
  positions: readonly SeekPosition[],
): Promise<void> {
  // As Kafka's consumer, which may not have its part before it asks for it.
  const { config } = await sync(context, name, { isRepeat: () => true });
  const { topics, limits } = context;
  // What is looked up may be older than the member's part.
  const names = new Set(positions.map(({ topic }) => topic));
  await atOnce([...names], limits.atOnce, (topic) => topics.describe(topic));
  const sought = await atOnce(positions, limits.atOnce, (each) => soughtBy(context, config, each));
  await changeMember(context, name, async (member) => {
    // What is committed now is what a commit may take back from here.
    const stored = await readPositions(context, name.groupId, sought);
    const held = sought.map((one, i) => {
      const mine = member.held.find((each) => sameHeld(each, one) && isHeld(member, each));
      if (mine === undefined) throw fenced(name, one);
      return { ...mine, position: one.offset, committed: stored[i]!.offset };
    });
    return replaced(member, held);
  });
}

/** Beyond the end it is where the next poll would go from there: what is not there is never committed. */
async function soughtBy(
  context: GroupContext,
  { autoOffsetReset }: MemberConfig,
  { topic: name, partition, offset: to }: SeekPosition,
): Promise<Sought> {
  const { topics, log } = context;
  const topic = await topics.lookup(name);
  const sought = { topicId: topic.id, topic: name, partition };
  if (typeof to !== 'number') return { ...sought, ...(await log.listOffsets(topic, partition, to)) };
  const { highWatermark } = await log.bounds(topic, partition);
  if (to <= highWatermark) return { ...sought, offset: to };
  const offset = await startOf(context, topic, partition, autoOffsetReset);
  if (offset === undefined) throw beyondEnd(sought, to, highWatermark);
  return { ...sought, offset };
}
