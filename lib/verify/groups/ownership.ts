import { at, between, type Check, describe, type Group, isMember } from './group.ts';
import type { GroupPartition, MemberCall, PositionNow } from './history.ts';

/**
 * The epoch of a partition grows whenever another owns it, and never falls; in no division do two members hold it; and never do
 * two members have it listed as theirs to read.
 */
export const oneOwnerPerEpoch: Check = (group, violation) => {
  let checked = 0;
  for (const [partition, all] of group.positions) {
    let before: PositionNow | undefined;
    for (const stored of all) {
      const { position: now } = stored;
      checked++;
      if (now && before) {
        if (now.epoch < before.epoch)
          violation(`${partition}: epoch ${now.epoch} after ${before.epoch}, ${at(stored)}`);
        if (now.owner !== before.owner && now.epoch === before.epoch)
          violation(`${partition}: in epoch ${now.epoch} ${before.owner}, then ${now.owner}, ${at(stored)}`);
      }
      before = now;
    }
  }
  return checked + holdersAreAlone(group, violation) + divisionsAreDisjoint(group, violation);
};

function holdersAreAlone({ stored }: Group, violation: (line: string) => void): number {
  const holders = new Map<string, readonly GroupPartition[]>();
  let checked = 0;
  for (const each of stored.filter(isMember)) {
    const holds = each.member?.holds ?? [];
    holders.set(each.name, holds);
    for (const partition of holds) {
      checked++;
      for (const [other, theirs] of holders) {
        if (other !== each.name && theirs.includes(partition))
          violation(`${partition}: held by ${other} and ${each.name}, ${at(each)}`);
      }
    }
  }
  return checked;
}

/** Epochs of a group that was deleted begin anew. */
function divisionsAreDisjoint(group: Group, violation: (line: string) => void): number {
  if (group.operators.some(({ kind }) => kind === 'deleteGroup')) return 0;
  const holders = new Map<string, MemberCall>();
  let checked = 0;
  for (const call of group.members) {
    const { told } = call;
    for (const partition of told?.holds ?? []) {
      if (told!.revoking.includes(partition)) continue;
      checked++;
      const key = `${told!.epoch} ${partition}`;
      const other = holders.get(key);
      holders.set(key, call);
      if (other !== undefined && other.member !== call.member)
        violation(`${partition}, in epoch ${told!.epoch}: ${describe(other)} and ${describe(call)}`);
    }
  }
  return checked;
}

/**
 * Whoever is told that it holds a partition, or is given records of it, is its owner at some time during the call. What it is to let go
 * it is given no more, unless it asks again.
 */
export const onlyOwnersRead: Check = (group, violation) => {
  let checked = 0;
  for (const call of group.members) {
    const { told, toldAtMs, given, invokedAtMs, key } = call;
    if (told === undefined) continue;
    const late =
      key === undefined ? given?.find(({ partition }) => told.revoking.includes(partition)) : undefined;
    if (late !== undefined) violation(`${late.partition} is to be let go, and given in ${describe(call)}`);
    for (const partition of new Set([...told.holds, ...(given ?? []).map((each) => each.partition)])) {
      checked++;
      const owners = [...between(group, partition, invokedAtMs, toldAtMs!)].map((now) => now?.owner);
      if (!owners.includes(told.memberId))
        violation(
          `${partition} is of ${owners.map((owner) => group.incarnations.get(owner ?? '')?.name ?? 'nobody')} during ${describe(call)}`,
        );
    }
  }
  return checked;
};
