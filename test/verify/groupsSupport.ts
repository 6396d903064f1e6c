import { checkGroups } from '../../lib/verify/groups/check.ts';
import type {
  Given,
  GroupCall,
  GroupHistory,
  MemberCall,
  Offset,
  OperatorCall,
  PositionNow,
  Rest,
  Stored,
  StoredMember,
  StoredPosition,
} from '../../lib/verify/groups/history.ts';

/** The partition that all of these histories are about, and the group. */
export const P = 'orders/0';
const groupId = 'g';

export function groupHistory(
  stored: readonly Stored[],
  calls: readonly GroupCall[] = [],
  { end = 10, rests = [] }: { end?: number; rests?: readonly Rest[] } = {},
): GroupHistory {
  const records = Array.from({ length: end }, (_, i) => [i, `${i}`] as const);
  const final = new Map([[P, { logStartOffset: 0, highWatermark: end, records }]]);
  return { calls, stored, final, rests, clocksApartMs: 0 };
}

/** The properties that do not hold. */
export function violatedBy(history: GroupHistory): string[] {
  return checkGroups(history).flatMap(({ property, violations }) =>
    violations.length > 0 ? [property] : [],
  );
}

/** At a time a position was put, as `owner epoch offset`, or deleted. */
export function position(atMs: number, text?: string, metadata = ''): StoredPosition {
  const [owner = '', epoch, offset] = text?.split(' ') ?? [];
  const now: PositionNow = {
    owner: owner === 'nobody' ? '' : owner,
    epoch: Number(epoch),
    offset: Number(offset),
    metadata,
  };
  return {
    kind: 'position',
    groupId,
    partition: P,
    atMs,
    via: 'p',
    position: text === undefined ? undefined : now,
  };
}

/** A member was put, whose id is its name in capitals; or, without `holds`, deleted. */
export function member(
  atMs: number,
  name: string,
  holds?: readonly string[],
  autoCommit = false,
): StoredMember {
  const own = { memberId: name.toUpperCase(), autoCommit, left: false, sessionMs: 30, lastSeenMs: atMs };
  return { kind: 'member', groupId, name, atMs, via: 'p', member: holds && { ...own, holds } };
}

type Times = readonly [invokedAtMs: number, returnedAtMs: number];

export function call(
  [invokedAtMs, returnedAtMs]: Times,
  name: string,
  kind: MemberCall['kind'],
  more: Partial<MemberCall> = {},
): MemberCall {
  const is = returnedAtMs === Infinity ? 'unknown' : 'ok';
  return { groupId, kind, member: name, invokedAtMs, returnedAtMs, via: 'p', outcome: { is }, ...more };
}

/** A poll that gave records from an offset up to another, and told that the partition is held. */
export function polled(
  times: Times,
  name: string,
  [from, to]: readonly [number, number],
  more: Partial<MemberCall> = {},
): MemberCall {
  const records = Array.from({ length: to - from }, (_, i) => from + i);
  const given: Given[] = [{ partition: P, from, to, records }];
  return call(times, name, 'poll', { given, ...told(name, times), ...more });
}

export function told(name: string, [, toldAtMs]: Times, holds: readonly string[] = [P]) {
  return { told: { memberId: name.toUpperCase(), epoch: 1, holds, pending: [], revoking: [] }, toldAtMs };
}

export function committed(times: Times, name: string, offset: number, metadata = ''): MemberCall {
  return call(times, name, 'commit', { offsets: [{ partition: P, offset, metadata }] });
}

export function operated(
  [invokedAtMs, returnedAtMs]: Times,
  kind: OperatorCall['kind'],
  answered?: number,
): OperatorCall {
  const some: Offset[] = answered === undefined ? [] : [{ partition: P, offset: answered, metadata: '' }];
  const asked = { partitions: [P], answered: some };
  return { groupId, kind, invokedAtMs, returnedAtMs, via: 'p', outcome: { is: 'ok' }, ...asked };
}

/** Members by what they hold, of two partitions. */
export function rest(holds: Readonly<Record<string, readonly string[]>>, more: Partial<Rest> = {}): Rest {
  const members = Object.entries(holds).map(([name, held]) => ({
    ...told(name, [0, 0], held).told,
    ...{ name, topics: ['orders'] },
  }));
  const partitions = [P, 'orders/1'];
  return {
    groupId,
    atMs: 100,
    assignor: 'uniform',
    members,
    partitions,
    ends: new Map(),
    missing: [],
    ...more,
  };
}
