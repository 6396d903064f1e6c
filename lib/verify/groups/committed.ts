import { at, between, type Check, describe, type Group } from './group.ts';
import type { GroupCall, MemberCall, Offset, OperatorCall, PositionNow, StoredPosition } from './history.ts';

/**
 * Every change of a committed position is somebody's doing who may: a commit of its owner, a reset, a deletion. A claim changes none.
 * What a member commits by itself goes back only after a seek.
 */
export const positionsAreMovedByOwners: Check = (group, violation) => {
  let checked = 0;
  for (const [partition, all] of group.positions) {
    let before: PositionNow | undefined;
    for (const stored of all) {
      checked++;
      const wrong = wrongWith(group, partition, before, stored);
      if (wrong !== undefined)
        violation(`${partition} ${text(before)} → ${text(stored.position)}, ${at(stored)}: ${wrong}`);
      before = stored.position;
    }
  }
  return checked;
};

function text(position: PositionNow | undefined): string {
  return position === undefined ? 'none' : `${position.offset} '${position.metadata}'`;
}

function wrongWith(
  group: Group,
  partition: string,
  before: PositionNow | undefined,
  { position: now, atMs }: StoredPosition,
): string | undefined {
  const mayHaveRun = ({ invokedAtMs, returnedAtMs, outcome }: GroupCall) =>
    invokedAtMs <= atMs && (atMs <= returnedAtMs || outcome.is === 'unknown');
  const operated = (...kinds: OperatorCall['kind'][]) =>
    group.operators.some((call) => kinds.includes(call.kind) && mayHaveRun(call));
  if (now === undefined)
    return operated('deletePositions', 'deleteGroup') ? undefined : 'nobody has deleted it';
  if (now.owner === '') return operated('reset') ? undefined : 'nobody has reset it';
  const wasOffset = before?.offset ?? -1;
  const isSame = now.offset === wasOffset && now.metadata === (before?.metadata ?? '');
  if (before === undefined || now.epoch !== before.epoch) return isSame ? undefined : 'a claim has moved it';

  const incarnation = group.incarnations.get(now.owner);
  // Who that is, other properties ask.
  if (incarnation === undefined) return undefined;
  const { name, autoCommit } = incarnation;
  const own = group.members.filter((call) => call.member === name && mayHaveRun(call));
  const commits = own.filter((call) => call.kind === 'commit' && isOf(call, partition, now));
  const end = group.final.get(partition)?.highWatermark;
  if (end !== undefined && now.offset > end) return `it is beyond the end, ${end}`;
  if (isSame) return undefined;
  if (now.offset >= wasOffset)
    return commits.length > 0 || autoCommit ? undefined : 'nobody has committed it';
  const isSought = group.members.some(
    (call) =>
      call.kind === 'seek' &&
      call.member === name &&
      call.invokedAtMs <= atMs &&
      offsetOf(call, partition) !== undefined,
  );
  if (autoCommit && isSought) return undefined;
  return commits.length > 0 ? undefined : 'it goes back, and nobody has asked for that';
}

function isOf(call: MemberCall, partition: string, { offset, metadata }: PositionNow): boolean {
  if (call.offsets === undefined) return metadata === '';
  const asked = offsetOf(call, partition);
  return asked?.offset === offset && asked.metadata === metadata;
}

function offsetOf({ offsets }: MemberCall, partition: string): Offset | undefined {
  return offsets?.find((each) => each.partition === partition);
}

/** What was answered was so at some time during the call: to those who asked, and to those who committed or reset. */
export const positionsAreLinearizable: Check = (group, violation) => {
  let checked = 0;
  const wasSo = (
    { invokedAtMs, returnedAtMs }: GroupCall,
    { partition, offset, metadata }: Offset,
  ): boolean =>
    [...between(group, partition, invokedAtMs, returnedAtMs)].some(
      (now) => (now?.offset ?? -1) === offset && (now?.metadata ?? '') === metadata,
    );
  for (const call of group.operators) {
    if (call.outcome.is !== 'ok' || call.answered === undefined) continue;
    for (const partition of call.partitions ?? []) {
      checked++;
      const nothing = { partition, offset: -1, metadata: '' };
      const answered = call.answered.find((each) => each.partition === partition) ?? nothing;
      if (!wasSo(call, answered))
        violation(`${partition} was not at ${answered.offset} during ${describe(call)}`);
    }
  }
  for (const call of group.members) {
    if (call.kind !== 'commit' || call.outcome.is !== 'ok') continue;
    for (const asked of call.offsets ?? []) {
      checked++;
      if (!wasSo(call, asked) && !isOvertaken(group, call, asked.partition))
        violation(`${asked.partition} was not at ${asked.offset} during ${describe(call)}`);
    }
  }
  return checked;
};

/** Another commit of its member was made meanwhile: then it may count as the one just before that. */
function isOvertaken(group: Group, late: MemberCall, partition: string): boolean {
  return group.members.some(
    (call) =>
      call !== late &&
      call.kind === 'commit' &&
      call.member === late.member &&
      call.invokedAtMs <= late.returnedAtMs &&
      (call.returnedAtMs >= late.invokedAtMs || call.outcome.is === 'unknown') &&
      (call.offsets === undefined || offsetOf(call, partition) !== undefined),
  );
}
