import { atOnce } from '../atOnce.ts';
import { WadiError } from '../errors.ts';
import type { GroupContext } from './context.ts';
import type { CommitOffset, MemberName, PartitionName } from './groups.ts';
import { type Held, isHeld, type Member, replaced } from './member.ts';
import { findMember, readMember, seen, writeMember } from './members.ts';
import { isFree, type Position } from './position.ts';
import { readPositions, writePosition } from './positions.ts';

/** What is to be stored of a partition. */
interface Commit {
  readonly held: Held;
  readonly offset: number;
  readonly metadata: string;
  /** It follows from what the member was when it was read: what another call of it has committed since is not taken back. */
  readonly isImplied: boolean;
}

/** See `Groups.commit`. */
export async function commit(
  context: GroupContext,
  name: MemberName,
  offsets?: readonly CommitOffset[],
  nextKey?: string,
): Promise<void> {
  const member = await readMember(context, name);
  const commits =
    offsets === undefined ? behindPolls(member, nextKey) : await checked(context, member, offsets);
  const refused = await store(context, member, commits);
  if (refused.length > 0) throw fenced(name, refused[0]!.held);
  if (commits.length > 0) await note(context, member, commits);
}

/**
 * That the next commit need not store these again. If another call came between, it does. Of what is ahead of the member nothing is
 * noted, so that what its polls imply does not take it back.
 */
async function note(context: GroupContext, member: Member, commits: readonly Commit[]): Promise<void> {
  const known = commits
    .filter(({ held, offset }) => offset <= held.position)
    .map(({ held, offset }) => ({ ...held, committed: offset }));
  await writeMember(context, member, seen(replaced(member, known), context.clock.now()));
}

/** All that polls have given, and is not known to be committed. */
function behindPolls(member: Member, nextKey: string | undefined): Commit[] {
  return impliedOf(member, member.held, nextKey !== undefined && isUnheard(member, nextKey));
}

async function checked(
  context: GroupContext,
  member: Member,
  offsets: readonly CommitOffset[],
): Promise<Commit[]> {
  const { log, topics, limits } = context;
  const last = new Map(offsets.map((each) => [`${each.topic}/${each.partition}`, each]));
  return atOnce([...last.values()], limits.atOnce, async ({ topic, partition, offset, metadata = '' }) => {
    if (Buffer.byteLength(metadata) > limits.metadataBytes) {
      const message = `metadata may be of ${limits.metadataBytes} bytes.`;
      throw new WadiError('OFFSET_METADATA_TOO_LARGE', message, { field: 'metadata' });
    }
    const held = member.held.find((each) => each.topic === topic && each.partition === partition);
    if (held === undefined || !isHeld(member, held)) throw fenced(member, { topic, partition });
    if (offset > held.position) {
      const { highWatermark } = await log.bounds(await topics.describe(topic), partition);
      if (offset > highWatermark) throw beyondEnd({ topic, partition }, offset, highWatermark);
    }
    return { held, offset, metadata, isImplied: false };
  });
}

/**
 * Commits what polls have given of some partitions; if the last poll is asked for again, what those before it gave. Returns those
 * that were committed, as far as they are. Those that are another's by now are passed over.
 */
export async function commitHeld(
  context: GroupContext,
  member: Member,
  some: readonly Held[],
  isRepeat: boolean,
): Promise<Held[]> {
  const commits = impliedOf(member, some, isRepeat);
  const refused = await store(context, member, commits);
  return commits
    .filter((each) => !refused.includes(each))
    .map(({ held, offset }) => ({ ...held, committed: offset }));
}

function impliedOf(member: Member, some: readonly Held[], isRepeat: boolean): Commit[] {
  return some.flatMap((held) => {
    const offset = processedTo(member, held, isRepeat);
    if (!isHeld(member, held) || offset < 0 || offset === held.committed) return [];
    return [{ held, offset, metadata: '', isImplied: true }];
  });
}

/** Whether it is not known that the last poll's answer has arrived: it has, when its client says that another key comes next. */
export function isUnheard({ lastPoll }: Member, nextKey: string | undefined): boolean {
  return lastPoll.key !== undefined && (nextKey === undefined || nextKey === lastPoll.key);
}

function processedTo({ lastPoll }: Member, held: Held, isRepeat: boolean): number {
  if (!isRepeat) return held.position;
  const range = lastPoll.ranges.find(
    ({ topicId, partition }) => topicId === held.topicId && partition === held.partition,
  );
  return range === undefined ? held.position : Math.max(range.from, held.committed);
}

/** Returns those that are refused, since the partition is another's. */
async function store(context: GroupContext, member: Member, commits: readonly Commit[]): Promise<Commit[]> {
  const { limits } = context;
  const refused: Commit[] = [];
  let left = commits;
  for (let attempt = 1; left.length > 0; attempt++) {
    if (attempt > limits.attempts)
      throw new WadiError('REQUEST_TIMED_OUT', 'Too many commits at once. Try again.');
    const held = left.map((each) => each.held);
    const positions = await readPositions(context, member.groupId, held);
    const pairs = left.map((each, i) => [each, positions[i]!] as const);
    const results = await atOnce(pairs, limits.atOnce, ([each, position]) =>
      storeOne(context, member, each, position),
    );
    refused.push(...left.filter((_, i) => results[i] === 'refused'));
    left = left.filter((_, i) => results[i] === 'again');
  }
  return refused;
}

async function storeOne(
  context: GroupContext,
  member: Member,
  { held, offset, metadata, isImplied }: Commit,
  position: Position,
): Promise<'done' | 'refused' | 'again'> {
  if (!(await mayCommit(context, member, held, position))) return 'refused';
  if (isImplied && offset < position.offset && position.offset !== held.committed) return 'done';
  const by = member.manual ? { owner: '', ownerName: '', epoch: position.epoch + 1 } : {};
  const committed = { ...position, ...by, offset, metadata, committedAtMs: context.clock.now() };
  return (await writePosition(context, member.groupId, position, committed)) ? 'done' : 'again';
}

/** By its claim; one whose partitions were assigned by hand, where no member of the group holds them. */
async function mayCommit(
  context: GroupContext,
  member: Member,
  held: Held,
  position: Position,
): Promise<boolean> {
  if (!member.manual) return position.owner === member.memberId && position.epoch === held.epoch;
  if (position.owner === '') return true;
  const { groupId } = member;
  return isFree(position, await findMember(context, { groupId, name: position.ownerName }));
}

export function beyondEnd({ topic, partition }: PartitionName, offset: number, end: number): WadiError {
  const message = `Offset ${offset} of partition ${partition} of topic '${topic}' is beyond its end, ${end}.`;
  return new WadiError('OFFSET_OUT_OF_RANGE', message, { field: 'offset' });
}

export function fenced({ groupId, name }: MemberName, { topic, partition }: PartitionName): WadiError {
  const message = `Partition ${partition} of topic '${topic}' is not assigned to '${name}' of group '${groupId}' (any more).`;
  return new WadiError('FENCED_MEMBER_EPOCH', message, { field: 'offsets' });
}
