import { atOnce } from '../atOnce.ts';
import { WadiError } from '../errors.ts';
import type { OffsetSpec } from '../log/log.ts';
import type { Topic } from '../topic/topic.ts';
import type { GroupContext } from './context.ts';
import type { OffsetReset } from './groups.ts';
import { type Held, type Member, sameHeld } from './member.ts';
import { findMember } from './members.ts';
import { claimed, isFree, type Position } from './position.ts';
import { readPositions, writePosition } from './positions.ts';

/** What is held from now on, of what a member has listed and not claimed: all that nobody else holds. */
export async function claim(context: GroupContext, member: Member): Promise<Held[]> {
  const { limits } = context;
  const wanted = member.held.filter(({ epoch }) => epoch === 0);
  const positions = await readPositions(context, member.groupId, wanted);
  const owners = await ownersOf(context, member, positions);
  const taken = await atOnce(positions, limits.atOnce, async (position) => {
    const isMine = position.owner === member.memberId;
    if (!isMine && !isFree(position, owners.get(position.ownerName))) return undefined;
    const mine = claimed(position, member);
    return (await writePosition(context, member.groupId, position, mine)) ? mine : undefined;
  });
  return taken.flatMap((position) => {
    if (position === undefined) return [];
    const held = wanted.find((each) => sameHeld(each, position))!;
    const { epoch, offset } = position;
    return [{ ...held, epoch, position: offset, committed: offset }];
  });
}

/** By name, who owns positions that are not the member's: also whoever has come under its own name since it was read. */
async function ownersOf(
  context: GroupContext,
  { groupId, memberId }: Member,
  positions: readonly Position[],
): Promise<Map<string, Member | undefined>> {
  const others = positions.filter(({ owner }) => owner !== '' && owner !== memberId);
  const names = [...new Set(others.map(({ ownerName }) => ownerName))];
  const members = await atOnce(names, context.limits.atOnce, (name) =>
    findMember(context, { groupId, name }),
  );
  return new Map(names.map((name, i) => [name, members[i]]));
}

/** Where members begin that find no position, by `auto.offset.reset`; `undefined` if they are to be told. */
export async function startOf(
  context: GroupContext,
  topic: Topic,
  partition: number,
  reset: OffsetReset,
): Promise<number | undefined> {
  if (reset === 'error') return undefined;
  const { log, clock } = context;
  const spec: OffsetSpec =
    typeof reset === 'string' ? reset : { timestamp: Math.max(0, clock.now() - reset.byDurationMs) };
  const { offset } = await log.listOffsets(topic, partition, spec);
  return offset >= 0 ? offset : (await log.bounds(topic, partition)).highWatermark;
}

/** Finds where those begin that have no position yet. Those whose topic is gone, or that are to be told, stay without. */
export async function findStarts(context: GroupContext, member: Member): Promise<Held[]> {
  const { topics, limits } = context;
  const { autoOffsetReset } = member.config;
  const without = member.held.filter(({ position, epoch }) => position < 0 && (member.manual || epoch > 0));
  const found = await atOnce(without, limits.atOnce, async (held) => {
    try {
      const topic = await topics.lookup(held.topic);
      if (topic.id !== held.topicId) return undefined;
      const position = await startOf(context, topic, held.partition, autoOffsetReset);
      return position === undefined ? undefined : { ...held, position };
    } catch (error) {
      if (error instanceof WadiError && error.kafka === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
      throw error;
    }
  });
  return found.flatMap((held) => held ?? []);
}
