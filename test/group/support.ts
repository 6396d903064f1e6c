import { type Clock, systemClock } from '../../lib/clock.ts';
import type {
  Groups,
  MemberConfig,
  MemberName,
  MemberState,
  PollRequest,
  RecordsPage,
} from '../../lib/group/groups.ts';
import { decodeBatch } from '../../lib/record/decode.ts';
import { readHeader } from '../../lib/record/header.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import type { Storage } from '../../lib/storage/ports.ts';
import { createWadi, type Wadi } from '../../lib/wadi.ts';
import { batch } from '../support/log.ts';

export function startWadi(storage: Storage = memoryStorage(), clock: Clock = systemClock): Promise<Wadi> {
  return createWadi({ storage, clock, clusterId: 'test' });
}

export async function withTopic(wadi: Wadi, name = 'orders', partitions = 4): Promise<void> {
  await wadi.topics.create({ name, partitions });
}

/** Appends texts to a partition. Returns the first one's offset. */
export async function produce(
  wadi: Wadi,
  topic: string,
  partition: number,
  ...values: string[]
): Promise<number> {
  const found = await wadi.topics.lookup(topic);
  const [result] = await wadi.log.append(found, [{ partition, batches: [batch(values)] }]);
  if (!result!.ok) throw result!.error;
  return result!.offsets[0]!;
}

export type Polled = readonly [topic: string, partition: number, offset: number, value: string];

/** A page that takes up to `most` records. */
export function pageOf(most = 1_000): RecordsPage & { readonly records: Polled[] } {
  const records: Polled[] = [];
  return {
    records,
    add({ name }, partition, { bytes, nextOffset }, from, to = Number.POSITIVE_INFINITY) {
      const before = records.length;
      const added = (next: number, full: boolean) => ({
        records: records.length - before,
        nextOffset: next,
        full,
      });
      for (let position = 0; position < bytes.length; ) {
        const { bytes: length } = readHeader(bytes, position);
        for (const { offset, value } of decodeBatch(bytes.subarray(position, position + length))) {
          if (offset < from) continue;
          if (offset >= to) return added(to, false);
          if (records.length === most) return added(offset, true);
          records.push([name, partition, offset, Buffer.from(value!).toString()]);
        }
        position += length;
      }
      return added(Math.min(nextOffset, to), records.length === most);
    },
  };
}

export async function poll(
  groups: Groups,
  member: MemberName,
  { most, ...request }: Omit<PollRequest, 'page'> & { most?: number } = {},
): Promise<{ records: Polled[]; state: MemberState }> {
  let page = pageOf(most);
  const state = await groups.poll(member, {
    maxWaitMs: 0,
    ...request,
    page: () => {
      page = pageOf(most);
      return page;
    },
  });
  return { records: page.records, state };
}

/** A member that is subscribed to a topic and reads it from the start. */
export async function join(
  groups: Groups,
  name?: string,
  {
    topic = 'orders',
    groupId = 'g',
    ...config
  }: Partial<MemberConfig> & { topic?: string; groupId?: string } = {},
): Promise<Required<MemberName>> {
  const member = await groups.create(groupId, { autoOffsetReset: 'earliest', ...config }, name);
  await groups.subscribe(member, { topics: [topic] });
  return member;
}

/** Heartbeats of all members until nothing changes any more. Returns what each holds, as `topic/partition`. */
export async function settle(groups: Groups, clock: Clock, ...members: MemberName[]): Promise<string[][]> {
  for (let round = 0, before = ''; round < 50; round++) {
    await clock.sleep(150);
    const states: MemberState[] = [];
    for (const member of members) states.push(await groups.heartbeat(member));
    const held = states.map(({ assigned }) =>
      assigned.map(({ topic, partition }) => `${topic}/${partition}`),
    );
    const now = JSON.stringify([
      held,
      states.map(({ epoch, pending, revoking }) => [epoch, pending, revoking]),
    ]);
    if (now === before && states.every(({ pending }) => pending.length === 0)) return held;
    before = now;
  }
  throw new Error('the group does not settle');
}
