import { at, type Check, describe, type Group } from './group.ts';
import type { Given, GroupPartition, MemberCall, StoredPosition } from './history.ts';

interface Received {
  readonly fromMs: number;
  readonly given: Given;
}

/**
 * What a commit passes was given before, to somebody who has received it; or to a member without keys, whose answer was lost. What a
 * reset passes was to be passed. Of groups that begin at the earliest records.
 */
export const commitsPassWhatWasGiven: Check = (group, violation) => {
  let checked = 0;
  for (const [partition, all] of group.positions) {
    const received = receivedOf(group, partition);
    const { logStartOffset: start = 0, highWatermark: end = 0 } = group.final.get(partition) ?? {};
    let before: StoredPosition | undefined;
    for (const stored of all) {
      const { position: now, atMs } = stored;
      const from = Math.max(start, before?.position?.offset ?? 0);
      before = stored;
      if (now === undefined || now.owner === '' || now.offset <= from) continue;
      checked++;
      const passed = firstNotIn(
        received.filter(({ fromMs }) => fromMs <= atMs),
        from,
        Math.min(now.offset, end),
      );
      if (passed !== undefined)
        violation(`${partition}: ${now.offset} is committed, but nobody was given ${passed}, ${at(stored)}`);
    }
  }
  return checked;
};

/** At the end, when those who live have read all there is. */
export const everythingIsGiven: Check = (group, violation) => {
  let checked = 0;
  for (const rest of group.rests) {
    for (const partition of rest.partitions) {
      const final = group.final.get(partition);
      if (final === undefined) continue;
      checked++;
      const received = [...receivedOf(group, partition), ...passedByResets(group, partition)];
      const end = rest.ends.get(partition)!;
      const passed = firstNotIn(received, final.logStartOffset, end);
      if (passed !== undefined) violation(`${partition}: nobody was given ${passed}, of ${end}`);
    }
  }
  return checked;
};

function receivedOf({ members }: Group, partition: GroupPartition): Received[] {
  return members.flatMap(({ given = [], tried = [given], key, invokedAtMs, returnedAtMs }) => {
    const isPlain = key === undefined;
    const fromMs = isPlain && returnedAtMs === Infinity ? invokedAtMs : returnedAtMs;
    if (fromMs === Infinity) return [];
    const all = isPlain ? tried.flat() : given;
    return all.filter((each) => each.partition === partition).map((each) => ({ fromMs, given: each }));
  });
}

function passedByResets({ positions }: Group, partition: GroupPartition): Received[] {
  let from = 0;
  return (positions.get(partition) ?? []).flatMap(({ position, atMs }) => {
    const given = { partition, from, to: position?.offset ?? 0, records: [] };
    from = Math.max(0, position?.offset ?? 0);
    return position?.owner === '' ? [{ fromMs: atMs, given }] : [];
  });
}

/** The first offset from `from` up to, and without, `to` that is in none of the ranges. */
function firstNotIn(received: readonly Received[], from: number, to: number): number | undefined {
  let next = from;
  for (const { given } of received.toSorted((a, b) => a.given.from - b.given.from)) {
    if (given.from > next) break;
    next = Math.max(next, given.to);
  }
  return next < to ? next : undefined;
}

/** Each range that was given has all records of it. Compaction takes none in these histories. */
export const pollsGiveAllRecords: Check = ({ members, final }, violation) => {
  let checked = 0;
  for (const call of members) {
    for (const { partition, from, to, records } of call.given ?? []) {
      const end = final.get(partition);
      if (end === undefined || call.told === undefined || from < end.logStartOffset) continue;
      checked++;
      const isWhole =
        to <= end.highWatermark &&
        records.length === to - from &&
        records.every((one, i) => one === from + i);
      if (!isWhole) violation(`${partition}: ${records} from ${from} to ${to} in ${describe(call)}`);
    }
  }
  return checked;
};

/** Polls of one key give the same records, of the partitions that stayed with the member, without a seek; and never others. */
export const repeatsGiveTheSame: Check = (group, violation) => {
  let checked = 0;
  const first = new Map<string, MemberCall>();
  for (const call of group.members.toSorted((a, b) => (a.toldAtMs ?? 0) - (b.toldAtMs ?? 0))) {
    const { key, told, given = [] } = call;
    if (key === undefined || told === undefined) continue;
    const id = `${told.memberId} ${key}`;
    const before = first.get(id);
    if (before === undefined) {
      if (given.some(({ records }) => records.length > 0)) first.set(id, call);
      continue;
    }
    // One that had begun before that was told may have found nothing, and ended without another look.
    const isEmpty = given.every(({ records }) => records.length === 0);
    if (isEmpty && call.invokedAtMs < before.toldAtMs!) continue;
    const left = before.given!.filter(({ partition }) => stayed(group, partition, before, call));
    for (const partition of new Set([...given, ...left].map((each) => each.partition))) {
      if (group.final.get(partition)?.logStartOffset !== 0) continue;
      const isLeft = left.some((each) => each.partition === partition);
      if (!isLeft && before.given!.some((each) => each.partition === partition)) continue;
      checked++;
      const [again, once] = [given, left].map((some) => some.find((each) => each.partition === partition));
      if (again?.from !== once?.from || again?.to !== once?.to)
        violation(
          `${partition}: ${once?.from}–${once?.to} in ${describe(before)}, ${again?.from}–${again?.to} in ${describe(call)}`,
        );
    }
  }
  return checked;
};

function stayed(
  { stored, members }: Group,
  partition: GroupPartition,
  from: MemberCall,
  to: MemberCall,
): boolean {
  const isSought = members.some(
    ({ kind, member, invokedAtMs, returnedAtMs, outcome, offsets }) =>
      kind === 'seek' &&
      member === to.member &&
      invokedAtMs < to.toldAtMs! &&
      (outcome.is === 'unknown' || returnedAtMs > from.invokedAtMs) &&
      offsets!.some((each) => each.partition === partition),
  );
  return (
    !isSought &&
    to.told!.holds.includes(partition) &&
    stored.every(
      (each) =>
        each.kind !== 'member' ||
        each.name !== to.member ||
        each.atMs < from.toldAtMs! ||
        each.atMs > to.toldAtMs! ||
        each.member?.holds.includes(partition) === true,
    )
  );
}
