import { resolve } from '../../lib/group/assign/subscription.ts';
import type { MemberState } from '../../lib/group/groups.ts';
import type { Topic } from '../../lib/topic/topic.ts';
import type { Rest } from '../../lib/verify/groups/history.ts';
import { wrongWith } from '../../lib/verify/groups/rest.ts';
import type { Wadi } from '../../lib/wadi.ts';
import { type Aftermath, append } from './aftermath.ts';
import { type Client, pause } from './clients/client.ts';
import { toldBy } from './clients/groupCall.ts';
import { begin, type GroupMember, heartbeat, poll } from './clients/groupMember.ts';
import type { Process } from './process.ts';

/** Members that died have had their sessions and their time to let go by then, and the others have looked. */
const CALM_MS = 20_000;
const ROUND_MS = 300;
const LONG_ROUND_MS = 60_000;
const LONG_ROUNDS = 6;
/** Rounds in which nothing is missing any more. */
const STABLE_ROUNDS = 2;
const MAX_POLLS = 2_000;

/**
 * When nothing fails any more, the members of a group that are left come to rest, and read all that there is. Through processes whose
 * clocks are right: others would put them out.
 */
export async function bringToRest(
  aftermath: Aftermath,
  groupId: string,
  client: Client,
  processes: readonly Process[],
  wrongByMs: number,
): Promise<void> {
  const { world, recorder, cloud } = aftermath;
  const calm: Client = {
    ...client,
    anyProcess: () => client.random.pick(processes),
    another: () => undefined,
  };
  if (wrongByMs > 0) await pause(calm, wrongByMs + CALM_MS);
  // Nothing can be read in another region before.
  const visibleMs = Math.max(0, ...cloud.visibleAtMs.values());
  if (visibleMs > world.nowMs) await pause(calm, visibleMs - world.nowMs);
  const left = recorder.groups.members.filter((member) => member.groupId === groupId);
  const members = left.map((member) => ({ ...member, client: calm }));
  // Some that died may be members for as long as this.
  for (let n = 0; n < LONG_ROUNDS && cloud.groups.longestSessionMs(groupId) > CALM_MS; n++) {
    await look(aftermath, groupId, calm, members);
    await pause(calm, LONG_ROUND_MS);
  }
  const untilMs = world.nowMs + CALM_MS;
  let rest: Rest;
  for (let stable = 0; ; await pause(calm, ROUND_MS)) {
    rest = await look(aftermath, groupId, calm, members);
    stable = [...wrongWith(rest)].length === 0 ? stable + 1 : 0;
    if (stable > STABLE_ROUNDS || world.nowMs > untilMs) break;
  }
  recorder.groups.rests.push({ ...rest, ...(await drain(aftermath, calm, members, rest.partitions)) });
}

/** Has each member call. */
async function look(
  { world }: Aftermath,
  groupId: string,
  calm: Client,
  members: GroupMember[],
): Promise<Rest> {
  if (members.length === 0) members.push((await beginAnew(calm, groupId, undefined))!);
  const topics = await listTopics(calm);
  const told: Rest['members'][number][] = [];
  const partitions = new Set<string>();
  for (const [i, member] of members.entries()) {
    let state = await callOnce(member);
    if (state === undefined) {
      members[i] = await beginAnew(calm, groupId, member);
      state = await callOnce(members[i]!);
    }
    const { subscription } = state!;
    const ids = subscription === undefined ? [] : resolve(subscription, topics);
    const own = topics.filter(({ id }) => ids.includes(id));
    for (const { name, partitions: count } of own) {
      for (let partition = 0; partition < count; partition++) partitions.add(`${name}/${partition}`);
    }
    told.push({ ...toldBy(state!), name: members[i]!.name, topics: own.map(({ name }) => name) });
  }
  const { assignor } = await served(calm, (wadi) => wadi.groups.describe(groupId));
  return {
    groupId,
    atMs: world.nowMs,
    assignor,
    members: told,
    partitions: [...partitions],
    ends: new Map(),
    missing: [],
  };
}

async function callOnce(member: GroupMember): Promise<MemberState | undefined> {
  if (!member.live) return undefined;
  const came = await heartbeat(member);
  return came.is === 'ok' ? came.value?.state : undefined;
}

async function beginAnew(
  client: Client,
  groupId: string,
  before: GroupMember | undefined,
): Promise<GroupMember> {
  const plan = before?.plan ?? {
    keyed: true,
    config: { autoOffsetReset: 'earliest', sessionTimeoutMs: 10_000, enableAutoCommit: true } as const,
    subscription: { pattern: 'topic-.*' },
    mostRecords: 100,
    confirms: true,
  };
  const name = `rest-${client.recorder.groups.calls.length}`;
  const member = await begin({ ...client, name }, groupId, plan, 0);
  if (member === undefined) throw new Error(`no member can join ${groupId}`);
  return { ...member, client };
}

/** Appends to each partition, and polls until nothing comes. */
async function drain(
  aftermath: Aftermath,
  calm: Client,
  members: readonly GroupMember[],
  partitions: readonly string[],
): Promise<Pick<Rest, 'ends' | 'missing'>> {
  const { world, recorder, cloud } = aftermath;
  const noted = { recorder, regions: cloud.regions };
  const ends = new Map<string, number>();
  const topics = new Map((await listTopics(calm)).map((topic) => [topic.name, topic]));
  for (const partition of partitions) {
    const [name, number] = partition.split('/') as [string, string];
    const offset = await served(calm, (wadi) =>
      append(wadi, world, noted, topics.get(name)!, Number(number), `rest of ${partition}`),
    );
    ends.set(partition, offset + 1);
  }
  const missing = new Set(partitions);
  // Twice each: a key that was used up before is refused once.
  for (let polls = 0, last = 0; polls - last <= 2 * members.length && polls < MAX_POLLS; polls++) {
    const member = members[polls % members.length]!;
    for (const { partition, to } of await poll(member, 0)) {
      last = polls;
      if (to >= ends.get(partition)!) missing.delete(partition);
    }
  }
  return { ends, missing: [...missing] };
}

function listTopics(calm: Client): Promise<Topic[]> {
  return served(calm, (wadi) => wadi.topics.list());
}

async function served<T>(calm: Client, request: (wadi: Wadi) => Promise<T>): Promise<T> {
  const answer = await calm.anyProcess().serve(request);
  if (answer.is === 'ok') return answer.value;
  throw answer.is === 'error' ? answer.error : new Error('no answer, though nothing fails');
}
