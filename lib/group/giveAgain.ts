import type { Access } from '../acl/access.ts';
import { topicResource } from '../acl/binding.ts';
import type { GroupContext } from './context.ts';
import type { RecordsPage } from './groups.ts';
import { isHeld, type Member, type PolledRange, replaced, sameHeld } from './member.ts';
import { noneIfGone, noneIfUnknown } from './noneIf.ts';

/** What is to become of a member whose poll was repeated. */
export interface GivenAgain {
  /** `undefined`: it stays as it is. */
  readonly after: Member | undefined;
  readonly isEmpty: boolean;
}

/**
 * The same records as the poll before has given, of the partitions that are still the member's. If there was room for less, what is
 * left comes with the next poll; what may not be read any more goes back to where it was, for whoever may.
 */
export async function giveAgain(
  context: GroupContext,
  member: Member,
  page: RecordsPage,
  access: Access,
): Promise<GivenAgain> {
  const isAllowed = (range: PolledRange) => {
    const held = member.held.find((each) => sameHeld(each, range));
    return held === undefined || access.allows('READ', topicResource(held.topic));
  };
  const { ranges: all } = member.lastPoll;
  const ranges = all.filter(isAllowed);
  const denied = all.filter((range) => !isAllowed(range));
  let records = 0;
  for (const [i, range] of ranges.entries()) {
    const given = await giveRange(context, member, range, page);
    records += given.records;
    const { fullAt } = given;
    if (fullAt === undefined) continue;
    const left = ranges.slice(i + 1);
    if (fullAt === range.to && left.length === 0) break;
    const kept = [...ranges.slice(0, i), { ...range, to: fullAt }].filter(({ from, to }) => to > from);
    const after = putBack(member, [{ ...range, from: fullAt }, ...left, ...denied], kept);
    return { after, isEmpty: records === 0 };
  }
  const after = denied.length === 0 ? undefined : putBack(member, denied, ranges);
  return { after, isEmpty: records === 0 };
}

/** The member with its positions before some of what the last poll gave, so that only `kept` can be asked for again. */
function putBack(member: Member, some: readonly PolledRange[], kept: readonly PolledRange[]): Member {
  const moved = some.flatMap((range) => {
    const held = member.held.find((each) => sameHeld(each, range));
    return held === undefined ? [] : [{ ...held, position: range.from }];
  });
  return { ...replaced(member, moved), lastPoll: { ...member.lastPoll, ranges: kept } };
}

/** How many records the page took, and how far that is if it is full then. */
async function giveRange(
  { topics, log, limits }: GroupContext,
  member: Member,
  range: PolledRange,
  page: RecordsPage,
): Promise<{ records: number; fullAt?: number }> {
  const { topicId, partition, from, to } = range;
  let records = 0;
  const held = member.held.find((each) => sameHeld(each, range));
  if (held === undefined || !isHeld(member, held)) return { records };
  const topic = await topics.lookup(held.topic).catch(noneIfUnknown);
  if (topic?.id !== topicId) return { records };
  for (let next = from; next < to; ) {
    const request = { partition, offset: next, maxBytes: limits.fetchBytes, minBytes: 0, maxWaitMs: 0 };
    const fetched = await log.fetch(topic, request).catch(noneIfGone);
    if (fetched === undefined) break;
    const added = page.add(topic, partition, fetched, next, to);
    records += added.records;
    if (added.full) return { records, fullAt: added.nextOffset };
    if (added.nextOffset <= next) break;
    next = added.nextOffset;
  }
  return { records };
}
