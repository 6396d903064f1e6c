import type { Access } from '../acl/access.ts';
import type { GroupContext } from './context.ts';
import type { RecordsPage } from './groups.ts';
import { mayRead } from './mayRead.ts';
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
 * left comes with the next poll.
 */
export async function giveAgain(
  context: GroupContext,
  member: Member,
  page: RecordsPage,
  access: Access,
): Promise<GivenAgain> {
  const { ranges } = member.lastPoll;
  let records = 0;
  for (const [i, range] of ranges.entries()) {
    const given = await giveRange(context, member, range, page, access);
    records += given.records;
    const { fullAt } = given;
    if (fullAt === undefined) continue;
    const left = ranges.slice(i + 1);
    if (fullAt === range.to && left.length === 0) break;
    const moved = [{ ...range, from: fullAt }, ...left].flatMap((each) => {
      const held = member.held.find((one) => sameHeld(one, each));
      return held === undefined ? [] : [{ ...held, position: each.from }];
    });
    const kept = [...ranges.slice(0, i), { ...range, to: fullAt }].filter(({ from, to }) => to > from);
    const lastPoll = { ...member.lastPoll, ranges: kept };
    return { after: { ...replaced(member, moved), lastPoll }, isEmpty: records === 0 };
  }
  return { after: undefined, isEmpty: records === 0 };
}

/** How many records the page took, and how far that is if it is full then. */
async function giveRange(
  { topics, log, limits }: GroupContext,
  member: Member,
  range: PolledRange,
  page: RecordsPage,
  access: Access,
): Promise<{ records: number; fullAt?: number }> {
  const { topicId, partition, from, to } = range;
  let records = 0;
  const held = member.held.find((each) => sameHeld(each, range));
  if (held === undefined || !isHeld(member, held) || !mayRead(access, member, held)) return { records };
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
