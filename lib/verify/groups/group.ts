import type { FinalPartition } from '../history.ts';
import type {
  GroupCall,
  GroupHistory,
  GroupPartition,
  MemberCall,
  OperatorCall,
  PositionNow,
  Rest,
  Stored,
  StoredMember,
  StoredPosition,
} from './history.ts';

/** What a history tells of one group. */
export interface Group {
  readonly id: string;
  readonly members: readonly MemberCall[];
  readonly operators: readonly OperatorCall[];
  readonly stored: readonly Stored[];
  /** Of each partition, the positions that were stored, in order. */
  readonly positions: ReadonlyMap<GroupPartition, readonly StoredPosition[]>;
  /** What each incarnation of a member was like, by its id. */
  readonly incarnations: ReadonlyMap<string, Incarnation>;
  readonly rests: readonly Rest[];
  readonly final: ReadonlyMap<GroupPartition, FinalPartition>;
  readonly clocksApartMs: number;
}

export interface Incarnation {
  readonly name: string;
  readonly autoCommit: boolean;
  readonly sessionMs: number;
}

/** Looks at one group, tells what speaks against the property, and returns how many cases of it there were. */
export type Check = (group: Group, violation: (line: string) => void) => number;

export function groupsOf({ calls, stored, final, rests, clocksApartMs }: GroupHistory): Group[] {
  const callsOf = Map.groupBy(calls, ({ groupId }) => groupId);
  const storedOf = Map.groupBy(stored, ({ groupId }) => groupId);
  const restsOf = Map.groupBy(rests, ({ groupId }) => groupId);
  return [...new Set([...callsOf.keys(), ...storedOf.keys(), ...restsOf.keys()])].map((id) => {
    const own = storedOf.get(id) ?? [];
    const some = callsOf.get(id) ?? [];
    return {
      id,
      members: some.filter(isOfMember),
      operators: some.filter((call) => !isOfMember(call)) as OperatorCall[],
      stored: own,
      positions: Map.groupBy(own.filter(isPosition), ({ partition }) => partition),
      incarnations: incarnationsOf(own),
      rests: restsOf.get(id) ?? [],
      ...{ final, clocksApartMs },
    };
  });
}

function isOfMember(call: GroupCall): call is MemberCall {
  return 'member' in call;
}

export function isPosition(stored: Stored): stored is StoredPosition {
  return stored.kind === 'position';
}

export function isMember(stored: Stored): stored is StoredMember {
  return stored.kind === 'member';
}

function incarnationsOf(stored: readonly Stored[]): Map<string, Incarnation> {
  const found = new Map<string, Incarnation>();
  for (const each of stored) {
    if (each.kind === 'member' && each.member)
      found.set(each.member.memberId, { name: each.name, ...each.member });
  }
  return found;
}

/** What was stored of a partition at some time from `fromMs` to `toMs`. */
export function* between(
  { positions }: Group,
  partition: GroupPartition,
  fromMs: number,
  toMs: number,
): Generator<PositionNow | undefined> {
  const all = positions.get(partition) ?? [];
  let current: PositionNow | undefined;
  let i = 0;
  for (; i < all.length && all[i]!.atMs < fromMs; i++) current = all[i]!.position;
  yield current;
  for (; i < all.length && all[i]!.atMs <= toMs; i++) yield all[i]!.position;
}

export function describe(call: GroupCall): string {
  const { kind, invokedAtMs, returnedAtMs, via } = call;
  const who = isOfMember(call) ? ` of ${call.member}` : '';
  const until = returnedAtMs === Infinity ? '…' : returnedAtMs.toFixed(1);
  return `${kind}${who} (${invokedAtMs.toFixed(1)}–${until} ms, via ${via})`;
}

export function at({ atMs, via }: Stored): string {
  return `at ${atMs.toFixed(1)} ms, by ${via}`;
}
