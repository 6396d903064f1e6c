import type { Access } from '../acl/access.ts';
import { atOnce } from '../atOnce.ts';
import { WadiError } from '../errors.ts';
import type { Topic } from '../topic/topic.ts';
import { isOf, startOf } from './claim.ts';
import type { GroupContext } from './context.ts';
import type { OffsetReset, PollRequest } from './groups.ts';
import { mayRead } from './mayRead.ts';
import { type Held, isHeld, type Member, type PolledRange, sameHeld } from './member.ts';
import { noneIfGone, noneIfUnknown } from './noneIf.ts';

/** What a poll found. */
export interface Found {
  readonly ranges: readonly PolledRange[];
  /** Positions that it moved, past records that were given and past those that are gone. */
  readonly moved: readonly Held[];
  readonly bytes: number;
  /** There was no room for more. */
  readonly isFull: boolean;
}

/** A partition that may be read, and where its records begin and end. */
export interface Readable {
  readonly held: Held;
  readonly topic: Topic;
  readonly logStartOffset: number;
  readonly highWatermark: number;
}

/**
 * Those that a poll reads, each time from behind the last that the poll before has given. Without those whose topic is gone, or may
 * not be read.
 */
export async function readable(context: GroupContext, member: Member, access: Access): Promise<Readable[]> {
  const { topics, log, limits } = context;
  const wanted = member.held.filter((held) => {
    if (!isHeld(member, held) || held.revokeByMs > 0) return false;
    if (!mayRead(access, member, held)) return false;
    if (held.position < 0 && member.config.autoOffsetReset === 'error') throw noOffset(held);
    return held.position >= 0;
  });
  const names = [...new Set(wanted.map(({ topic }) => topic))];
  const found = await atOnce(names, limits.atOnce, async (name) => {
    const topic = await topics.lookup(name).catch(noneIfUnknown);
    const some = wanted.filter((held) => topic !== undefined && isOf(held, topic));
    if (topic === undefined || some.length === 0) return [];
    const bounds = await log
      .boundsOf(
        topic,
        some.map(({ partition }) => partition),
      )
      .catch(noneIfUnknown);
    return (bounds ?? []).map((each, i) => ({ ...each, held: some[i]!, topic }));
  });
  const all = found.flat();
  const last = member.lastPoll.ranges.at(-1);
  const behind = last === undefined ? 0 : all.findIndex(({ held }) => sameHeld(held, last)) + 1;
  return [...all.slice(behind), ...all.slice(0, behind)];
}

export async function find(
  context: GroupContext,
  { config }: Member,
  partitions: readonly Readable[],
  request: PollRequest,
): Promise<Found> {
  const { limits, log } = context;
  const page = request.page(config);
  const ranges: PolledRange[] = [];
  const moved: Held[] = [];
  const maxBytes = Math.min(request.maxBytes ?? config.fetchMaxBytes, limits.fetchBytes);
  const places = await atOnce(partitions, limits.atOnce, (each) =>
    placeOf(context, each, config.autoOffsetReset),
  );
  for (const { held, from, isOut, highWatermark } of places)
    if (isOut && from >= highWatermark) moved.push({ ...held, position: from });
  const behind = places.filter(({ from, highWatermark }) => from < highWatermark);
  let bytes = 0;
  let taken = 0;
  let isFull = false;
  for (let next = 0; next < behind.length && !isFull; ) {
    const some = readTogether(behind, next, config.maxPollRecords - taken, limits.atOnce);
    next += some.length;
    const share = Math.ceil((maxBytes - bytes) / some.length);
    const read = await atOnce(some, limits.atOnce, ({ topic, held: { partition }, from }) =>
      log
        .fetch(topic, { partition, offset: from, maxBytes: share, minBytes: 0, maxWaitMs: 0 })
        .catch(noneIfGone),
    );
    for (const [i, { topic, held, from, isOut }] of some.entries()) {
      const fetched = read[i];
      if (isFull || fetched === undefined) continue;
      const { partition } = held;
      bytes += fetched.bytes.length;
      const { nextOffset, records, full } = page.add(topic, partition, fetched, from);
      taken += records;
      if (nextOffset > from || isOut) moved.push({ ...held, position: nextOffset });
      if (records > 0) ranges.push({ topicId: topic.id, partition, from, to: nextOffset });
      isFull = full || bytes >= maxBytes || ranges.length === limits.partitionsPerPoll;
    }
  }
  return { ranges, moved, bytes, isFull };
}

/** Where a poll reads a partition. */
interface Place extends Readable {
  readonly from: number;
  /** It was outside of the log. */
  readonly isOut: boolean;
}

async function placeOf(context: GroupContext, each: Readable, reset: OffsetReset): Promise<Place> {
  const { held, topic, logStartOffset, highWatermark } = each;
  const isOut = held.position < logStartOffset || held.position > highWatermark;
  const from = isOut ? await startOf(context, topic, held.partition, reset) : held.position;
  if (from === undefined) throw noOffset(held);
  return { ...each, from, isOut };
}

/** From `first` on: as many as have so many records between them. What a page has no room for is read in vain. */
function readTogether(places: readonly Place[], first: number, records: number, most: number): Place[] {
  let there = 0;
  let next = first;
  while (next < places.length && next < first + most && there < records) {
    there += places[next]!.highWatermark - places[next]!.from;
    next++;
  }
  return places.slice(first, Math.max(next, first + 1));
}

function noOffset({ topic, partition }: Held): WadiError {
  const message = `There is no position for partition ${partition} of topic '${topic}', or none within its records, and auto.offset.reset is 'none': seek.`;
  return new WadiError('OFFSET_OUT_OF_RANGE', message, { field: 'auto.offset.reset' });
}
