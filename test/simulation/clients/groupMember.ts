import type { WadiError } from '../../../lib/errors.ts';
import type { MemberConfig, MemberState, Subscription } from '../../../lib/group/groups.ts';
import type { Given, Offset, Told } from '../../../lib/verify/groups/history.ts';
import { count } from '../faults.ts';
import type { TopicPlan } from '../scenario.ts';
import { type Client, currentTopic, isKafka, patience, pause, requireRetriable, think } from './client.ts';
import { type Came, callGroups, nameOf, pages, toldBy } from './groupCall.ts';

/** No partition of a history has so many records. */
const BEYOND = 1_000_000;
const LONGEST_SLEEP_MS = 20_000;

/** How an instance is used, from its first call to its last. */
interface Plan {
  /** Polls have keys, and are repeated until an answer comes. */
  readonly keyed: boolean;
  readonly subscription: Subscription;
  readonly config: Partial<MemberConfig> & Pick<MemberConfig, 'sessionTimeoutMs' | 'enableAutoCommit'>;
  readonly mostRecords: number;
  /** That it has stopped with what it is to let go. */
  readonly confirms: boolean;
}

/** An instance of a consumer group, with what its client knows of it. */
export interface GroupMember {
  readonly groupId: string;
  readonly name: string;
  /** `undefined`: the answer that tells it was lost. */
  memberId?: string;
  readonly plan: Plan;
  readonly client: Client;
  told: Told | undefined;
  /** Its client has not given it up, and was not told that it is gone. */
  live: boolean;
  /** Of the poll at hand: it is used up by an answer with records. */
  key: number;
  keyAsked: boolean;
  /** The last records that a poll has given, of what it holds. */
  readonly given: Map<string, Pick<Given, 'from' | 'to'>>;
}

/** Consumes as a member of a group, comes and goes, sleeps and dies. */
export async function groupMember(client: Client, operations: number, groupId: string): Promise<void> {
  const { random } = client;
  await currentTopic(client);
  const plan = drawPlan(client, client.topics);
  const isStatic = random.chance(0.2);
  let member: GroupMember | undefined;
  for (let n = 0; n < operations; n++) {
    await think(client);
    // Calls of the one before that are under way would be served those of the next, if they did not say whose they are.
    const again: GroupMember | undefined = isStatic && member?.memberId !== undefined ? member : undefined;
    if (!member?.live)
      member = await begin(
        client,
        groupId,
        plan,
        n,
        isStatic ? (again?.name ?? `${client.name}-${n}-static`) : undefined,
      );
    if (member === undefined) continue;
    const act = random.below(100);
    if (act < 62 || (member.keyAsked && act < 98)) await pollAndCommit(member);
    else if (act < 74) await heartbeat(member);
    else if (act < 78) await seekBack(member);
    else if (act < 82) await seekAway(member);
    else if (act < 86) await resubscribe(member);
    else if (act < 91) await sleep(member);
    else if (act < 95) await leave(member);
    else member.live = false;
  }
  if (member?.live) client.recorder.groups.members.push(member);
}

function drawPlan({ random }: Client, topics: readonly TopicPlan[]): Plan {
  const keyed = random.chance(0.75);
  const config = {
    autoOffsetReset: 'earliest',
    sessionTimeoutMs: random.pick([1_000, 3_000, 3_000, 10_000, 300_000]),
    enableAutoCommit: random.chance(0.6),
    autoCommitIntervalMs: random.pick([0, 0, 300, 5_000]),
    confirmRevocation: random.chance(0.3),
    maxPollIntervalMs: random.pick([300, 3_000]),
    assignor: random.pick(['uniform', 'uniform', 'range', 'load'] as const),
    fetchMinBytes: random.pick([1, 1, 1, 300]),
  } as const;
  return {
    keyed,
    config,
    subscription: drawSubscription(random, topics),
    mostRecords: random.pick([1, 3, 10, 100]),
    confirms: random.chance(0.7),
  };
}

function drawSubscription(random: Client['random'], topics: readonly TopicPlan[]): Subscription {
  const [first] = topics;
  return random.pick<Subscription>([
    { pattern: 'topic-.*' },
    { topics: topics.map(({ name }) => name) },
    { topics: topics.map(({ name }) => name) },
    { topics: [first!.name] },
  ]);
}

/** Creates an instance and subscribes it. `undefined`: it was put out before, or it is not known whether it is there. */
export async function begin(
  client: Client,
  groupId: string,
  plan: Plan,
  n: number,
  groupInstanceId?: string,
): Promise<GroupMember | undefined> {
  const name = groupInstanceId ?? `${client.name}-${n}`;
  const member: GroupMember = {
    ...{ groupId, name, plan, client },
    ...{ told: undefined, live: true, key: 0, keyAsked: false, given: new Map() },
  };
  for (const patient = patience(client); patient(); ) {
    const came = await callGroups(client, { kind: 'create', groupId, member: name }, (groups) =>
      groups.create(groupId, { ...plan.config, groupInstanceId }, name),
    );
    if (came.is === 'ok') {
      member.memberId = came.value.memberId;
      break;
    }
    if (came.is === 'failed') {
      // Its own: the call before was not answered, or served twice.
      if (isKafka(came.error, 'UNRELEASED_INSTANCE_ID')) break;
      requireRetriable(client, came.error!, 'create');
      return undefined;
    }
    await pause(client, client.random.between(5, 100));
  }
  await subscribe(member, plan.subscription);
  return member.live ? member : undefined;
}

async function subscribe(member: GroupMember, subscription: Subscription | undefined): Promise<void> {
  const { client } = member;
  for (const patient = patience(client); patient() && member.live; ) {
    const came = await callMember(member, 'subscribe', async (groups) => {
      await groups.subscribe(member, subscription);
      return undefined;
    });
    if (came.is !== 'unknown') return;
    await pause(client, client.random.between(5, 100));
  }
}

/** What a call of a member may bring. */
interface Brought {
  readonly state?: MemberState;
  readonly given?: readonly Given[];
}

async function callMember(
  member: GroupMember,
  kind: 'subscribe' | 'heartbeat' | 'poll' | 'seek' | 'commit' | 'leave',
  work: (...args: Parameters<Parameters<typeof callGroups>[2]>) => Promise<Brought | undefined>,
  more: { key?: string; offsets?: readonly Offset[] } = {},
): Promise<Came<Brought | undefined>> {
  const { groupId, name, memberId, client } = member;
  const asked = { kind, groupId, member: name, ...(memberId && { as: memberId }), ...more } as const;
  const came = await callGroups(client, asked, async (groups, notes) => {
    const brought = await work(groups, notes);
    if (brought?.state) notes({ told: toldBy(brought.state), toldAtMs: client.world.nowMs });
    return brought;
  });
  if (came.is === 'ok' && came.value?.state !== undefined) hear(member, toldBy(came.value.state));
  if (came.is === 'failed') {
    const isReplaced = isKafka(came.error, 'FENCED_INSTANCE_ID');
    const isGone = isReplaced || isKafka(came.error, 'UNKNOWN_MEMBER_ID');
    const isFenced = isGone || isKafka(came.error, 'FENCED_MEMBER_EPOCH');
    const isUsedUp = isKafka(came.error, 'INVALID_FETCH_SESSION_EPOCH');
    if (isUsedUp) count(client.coverage, 'pollUsedUp');
    if (isUsedUp && kind === 'poll') member.key++;
    if (isReplaced) count(client.coverage, 'instanceFenced');
    if (isGone) member.live = false;
    if (isFenced && kind === 'commit') count(client.coverage, 'commitFenced');
    if (!isFenced && !isUsedUp && !isBeyondEnd(came.error!, more.offsets))
      requireRetriable(client, came.error!, kind);
  }
  return came;
}

function isBeyondEnd(error: WadiError, offsets: readonly Offset[] = []): boolean {
  return isKafka(error, 'OFFSET_OUT_OF_RANGE') && offsets.some(({ offset }) => offset >= BEYOND);
}

function hear(member: GroupMember, told: Told): void {
  member.told = told;
  for (const partition of member.given.keys()) {
    if (!told.holds.includes(partition)) member.given.delete(partition);
  }
}

export function heartbeat(member: GroupMember): Promise<Came<Brought | undefined>> {
  const revoked = member.plan.confirms ? (member.told?.revoking ?? []).map(nameOf) : [];
  return callMember(member, 'heartbeat', async (groups) => ({
    state: await groups.heartbeat(member, revoked),
  }));
}

/** Returns what it was given. */
export async function poll(member: GroupMember, maxWaitMs: number): Promise<readonly Given[]> {
  const { client, plan } = member;
  const key = plan.keyed ? `${member.name}/${member.key}` : undefined;
  const isRepeat = member.keyAsked;
  const came = await callMember(
    member,
    'poll',
    async (groups, notes) => {
      let given: readonly Given[] = [];
      const tried: (readonly Given[])[] = [];
      const page = pages(plan.mostRecords, (some) => {
        given = some;
        tried.push(some);
        notes({ given, tried });
      });
      const request = { page, maxWaitMs, ...(key !== undefined && { idempotencyKey: key }) };
      return { state: await groups.poll(member, request), given };
    },
    key === undefined ? {} : { key },
  );
  member.keyAsked = plan.keyed && came.is === 'unknown';
  const given = (came.is === 'ok' && came.value?.given) || [];
  if (given.some(({ records }) => records.length > 0)) {
    if (isRepeat) count(client.coverage, 'pollRepeated');
    // Now and then it is as if the answer had not come.
    if (plan.keyed && client.random.chance(0.1)) member.keyAsked = true;
    else member.key++;
  }
  for (const { partition, from, to } of given) {
    if (member.told!.holds.includes(partition)) member.given.set(partition, { from, to });
  }
  return given;
}

async function pollAndCommit(member: GroupMember): Promise<void> {
  const { client, plan } = member;
  const { random } = client;
  await poll(member, random.pick([0, 0, 300, 1_500]));
  if (!member.live || member.keyAsked) return;
  // It processes what it got.
  if (random.chance(0.3)) await pause(client, random.between(10, 600));
  if (random.chance(plan.config.enableAutoCommit ? 0.05 : 0.7)) await commit(member);
}

async function commit(member: GroupMember): Promise<void> {
  const { client, plan, given } = member;
  const { random } = client;
  // All that was polled may, when the call comes late, be more than was received.
  if (!plan.keyed && random.chance(0.4)) {
    await callMember(member, 'commit', async (groups) => {
      await groups.commit(member);
      return undefined;
    });
    return;
  }
  const some = [...given].filter(() => random.chance(0.8));
  if (some.length === 0) return;
  const isBeyond = random.chance(0.03);
  const offsets = some.map(([partition, { from, to }]): Offset => {
    // Not before what it was given: to pass that again would take somebody who was given it.
    const offset = isBeyond ? to + BEYOND : Math.max(from, to - (random.chance(0.2) ? random.below(3) : 0));
    return { partition, offset, metadata: random.chance(0.5) ? `${member.name}-${random.below(1_000)}` : '' };
  });
  const asked = offsets.map(({ partition, ...rest }) => ({ ...nameOf(partition), ...rest }));
  for (let attempts = random.between(1, 3); attempts > 0 && member.live; attempts--) {
    const came = await callMember(
      member,
      'commit',
      async (groups) => {
        await groups.commit(member, asked);
        return undefined;
      },
      { offsets },
    );
    if (isBeyond && came.is === 'ok')
      client.recorder.unexpected.push(`${member.name} commits beyond the end`);
    if (came.is !== 'unknown') return;
    await pause(client, random.between(5, 200));
  }
}

/** Reads again what it has had. */
async function seekBack(member: GroupMember): Promise<void> {
  const { random } = member.client;
  const [first] = [...member.given];
  if (first === undefined || member.keyAsked) return;
  const [partition, { to }] = first;
  await seek(member, partition, Math.max(0, to - random.between(1, 5)));
}

async function seekAway(member: GroupMember): Promise<void> {
  const partition = member.told?.holds[0];
  if (partition !== undefined && !member.keyAsked) await seek(member, partition, BEYOND);
}

async function seek(member: GroupMember, partition: string, offset: number): Promise<void> {
  member.given.delete(partition);
  const positions = [{ ...nameOf(partition), offset }];
  const offsets = [{ partition, offset, metadata: '' }];
  await callMember(
    member,
    'seek',
    async (groups) => {
      await groups.seek(member, positions);
      return undefined;
    },
    { offsets },
  );
}

async function resubscribe(member: GroupMember): Promise<void> {
  if (member.keyAsked) return;
  const { client } = member;
  if (client.random.chance(0.3)) await subscribe(member, undefined);
  const { subscription } = member.plan;
  const drawn = drawSubscription(client.random, client.topics);
  // One of the other kind would be refused while there is one.
  await subscribe(member, 'pattern' in drawn === 'pattern' in subscription ? drawn : subscription);
}

/** Its client stops for about as long as a session; what it has is committed when it wakes, if that is still its own. */
async function sleep(member: GroupMember): Promise<void> {
  const { client, plan, groupId, told } = member;
  const { random } = client;
  await pause(client, Math.min(plan.config.sessionTimeoutMs * random.pick([0.5, 1.1, 2]), LONGEST_SLEEP_MS));
  const isTaken = told?.holds.some((partition) => {
    const owner = client.groupsWatch.ownerOf(groupId, partition);
    return owner !== undefined && owner !== '' && owner !== told.memberId;
  });
  if (isTaken) count(client.coverage, 'wokenAfterClaim');
  if (!member.keyAsked) await commit(member);
}

async function leave(member: GroupMember): Promise<void> {
  if (member.keyAsked) return;
  const { client } = member;
  for (const patient = patience(client); patient() && member.live; ) {
    const came = await callMember(member, 'leave', async (groups) => {
      await groups.leave(member);
      return undefined;
    });
    if (came.is === 'ok') member.live = false;
    else await pause(client, client.random.between(5, 100));
  }
}
