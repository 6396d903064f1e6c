import type { Caller } from '../acl/decide.ts';
import { ByteReader, ByteWriter } from '../log/bytes.ts';
import type { Item, Key } from '../storage/ports.ts';
import { MEMBER_DEFAULTS } from './config.ts';
import type { MemberConfig, MemberName, Subscription } from './groups.ts';

/**
 * A consumer instance, and what it holds:
 *
 *   pk group/<groupId>   sk member/<name>
 *   memberId       of this incarnation: never used twice
 *   config         text: what differs from the defaults (JSON)
 *   caller         text (JSON): who made it; missing if that is the cluster itself
 *   subscription   text (JSON); missing if there is none
 *   manual         true if its partitions were assigned by hand
 *   epoch          of the division that it took its part of last
 *   held           binary: see `Held`
 *   lastPoll       binary: the ranges that the last poll gave;  pollKey: its key;  earlierKeys: text (JSON), of those before;
 *                  pollToken: of the call that gave them
 *   lastSeenMs     when it called last, but for a part of its session
 *   autoCommitMs   when it last committed by itself
 *   left           true of a static member that is to come back
 *   version        counted up by each write, which has it as a condition;  stamp: of that write
 */
export interface Member extends MemberName {
  readonly memberId: string;
  readonly config: MemberConfig;
  readonly caller: Caller | undefined;
  readonly subscription: Subscription | undefined;
  readonly manual: boolean;
  readonly epoch: number;
  readonly held: readonly Held[];
  readonly lastPoll: LastPoll;
  readonly lastSeenMs: number;
  readonly autoCommitMs: number;
  readonly left: boolean;
  readonly version: number;
}

/** A partition that the member has listed as its own. Nobody else takes it while it is listed. */
export interface Held {
  readonly topicId: string;
  readonly topic: string;
  readonly partition: number;
  /** Of the position's, when the member claimed it: 0 until then. Of those assigned by hand it stays 0. */
  readonly epoch: number;
  /** Where the next poll goes on; -1 while it is not known. */
  readonly position: number;
  /** What it knows to be committed; -1 if that is nothing. */
  readonly committed: number;
  /** It is to go to another when the member says that it has stopped, or at this time. 0: it is to stay. */
  readonly revokeByMs: number;
}

export interface LastPoll {
  /** Of the call that gave them, by which it finds its own: another of the member may have written since. */
  readonly token: string;
  readonly key: string | undefined;
  readonly ranges: readonly PolledRange[];
  /** Of polls before it, the latest first, that the order of keys does not tell: they have given what they had to give. */
  readonly earlierKeys: readonly string[];
}

export interface PolledRange {
  readonly topicId: string;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

const PREFIX = 'member/';

export function groupPk(groupId: string): string {
  return `group/${groupId}`;
}

export function memberKey({ groupId, name }: MemberName): Key {
  return { pk: groupPk(groupId), sk: `${PREFIX}${name}` };
}

/** Where a group's members are. */
export function membersOf(groupId: string): { pk: string; from: string; to: string } {
  return { pk: groupPk(groupId), from: PREFIX, to: 'member0' };
}

export function sameHeld(
  a: Pick<Held, 'topicId' | 'partition'>,
  b: Pick<Held, 'topicId' | 'partition'>,
): boolean {
  return a.topicId === b.topicId && a.partition === b.partition;
}

/** By which partitions are found among many. */
export function heldKey({ topicId, partition }: Pick<Held, 'topicId' | 'partition'>): string {
  return `${topicId}/${partition}`;
}

/** The member with these in place of its own; of two of one partition, the last. */
export function replaced(member: Member, some: readonly Held[]): Member {
  if (some.length === 0) return member;
  const byKey = new Map(some.map((each) => [heldKey(each), each]));
  return { ...member, held: member.held.map((each) => byKey.get(heldKey(each)) ?? each) };
}

/** One that left for a while, and is expected back, has the rest of its session. */
export function sessionIsOver({ config, lastSeenMs }: Member, now: number): boolean {
  return now - lastSeenMs > config.sessionTimeoutMs;
}

/** It may read and commit the partition. */
export function isHeld(member: Member, held: Held): boolean {
  return member.manual || held.epoch > 0;
}

export function encodeMember(member: Member, stamp: string): Item {
  const { config, subscription, manual, epoch, lastPoll, lastSeenMs, autoCommitMs, left, version } = member;
  return {
    ...memberKey(member),
    memberId: member.memberId,
    config: JSON.stringify(changedConfig(config)),
    ...(member.caller !== undefined && { caller: JSON.stringify(member.caller) }),
    ...(subscription !== undefined && { subscription: JSON.stringify(subscription) }),
    ...(manual && { manual }),
    epoch,
    held: encodeHeld(member.held),
    lastPoll: encodeRanges(lastPoll.ranges),
    pollToken: lastPoll.token,
    ...(lastPoll.key !== undefined && { pollKey: lastPoll.key }),
    ...(lastPoll.earlierKeys.length > 0 && { earlierKeys: JSON.stringify(lastPoll.earlierKeys) }),
    lastSeenMs,
    autoCommitMs,
    ...(left && { left }),
    version,
    stamp,
  };
}

export function decodeMember(item: Item): Member {
  const { pk, sk, memberId, config, subscription, manual, epoch, held, lastPoll } = item;
  return {
    groupId: pk.slice(groupPk('').length),
    name: sk.slice(PREFIX.length),
    memberId: memberId as string,
    config: { ...MEMBER_DEFAULTS, ...JSON.parse(config as string) },
    caller: item.caller === undefined ? undefined : JSON.parse(item.caller as string),
    subscription: subscription === undefined ? undefined : JSON.parse(subscription as string),
    manual: manual === true,
    epoch: epoch as number,
    held: decodeHeld(held as Uint8Array),
    lastPoll: {
      token: item.pollToken as string,
      key: item.pollKey as string | undefined,
      ranges: decodeRanges(lastPoll as Uint8Array),
      earlierKeys: item.earlierKeys === undefined ? [] : JSON.parse(item.earlierKeys as string),
    },
    lastSeenMs: item.lastSeenMs as number,
    autoCommitMs: item.autoCommitMs as number,
    left: item.left === true,
    version: item.version as number,
  };
}

function changedConfig(config: MemberConfig): Partial<MemberConfig> {
  const entries = Object.entries(config) as [keyof MemberConfig, unknown][];
  return Object.fromEntries(entries.filter(([name, value]) => value !== MEMBER_DEFAULTS[name]));
}

/** By topic, so that its names are written once. */
function byTopic<T extends { topicId: string }>(all: readonly T[]): Map<string, T[]> {
  const topics = new Map<string, T[]>();
  for (const each of all) {
    const some = topics.get(each.topicId);
    if (some === undefined) topics.set(each.topicId, [each]);
    else some.push(each);
  }
  return topics;
}

function encodeHeld(held: readonly Held[]): Uint8Array {
  const topics = byTopic(held);
  const out = new ByteWriter().uint(topics.size);
  for (const [topicId, some] of topics) {
    writeText(out, topicId);
    writeText(out, some[0]!.topic);
    out.uint(some.length);
    for (const { partition, epoch, position, committed, revokeByMs } of some) {
      out
        .uint(partition)
        .uint(epoch)
        .uint(position + 1)
        .uint(committed + 1)
        .uint(revokeByMs);
    }
  }
  return out.finish();
}

function decodeHeld(bytes: Uint8Array): Held[] {
  const input = new ByteReader(bytes);
  const held: Held[] = [];
  for (let topics = input.uint(); topics > 0; topics--) {
    const topicId = readText(input);
    const topic = readText(input);
    for (let count = input.uint(); count > 0; count--) {
      const [partition, epoch] = [input.uint(), input.uint()];
      const [position, committed] = [input.uint() - 1, input.uint() - 1];
      held.push({ topicId, topic, partition, epoch, position, committed, revokeByMs: input.uint() });
    }
  }
  return held;
}

function encodeRanges(ranges: readonly PolledRange[]): Uint8Array {
  const out = new ByteWriter().uint(ranges.length);
  for (const { topicId, partition, from, to } of ranges) {
    writeText(out, topicId);
    out
      .uint(partition)
      .uint(from)
      .uint(to - from);
  }
  return out.finish();
}

function decodeRanges(bytes: Uint8Array): PolledRange[] {
  const input = new ByteReader(bytes);
  return Array.from({ length: input.uint() }, () => {
    const topicId = readText(input);
    const [partition, from] = [input.uint(), input.uint()];
    return { topicId, partition, from, to: from + input.uint() };
  });
}

function writeText(out: ByteWriter, text: string): void {
  const bytes = Buffer.from(text);
  out.uint(bytes.length).raw(bytes);
}

function readText(input: ByteReader): string {
  return Buffer.from(input.raw(input.uint())).toString();
}
