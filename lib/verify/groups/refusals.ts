import { at, between, type Check, describe, type Group, isMember } from './group.ts';
import type { MemberCall } from './history.ts';

/**
 * A commit is refused as another's only if its partition was not the member's, a member is unknown only if it was gone or its session
 * over, and replaced only if another came under its name.
 */
export const nobodyIsFencedWrongly: Check = (group, violation) => {
  let checked = 0;
  for (const call of group.members) {
    if (call.outcome.is !== 'failed') continue;
    const { error } = call.outcome;
    checked++;
    if (error === 'FENCED_MEMBER_EPOCH' && !mayBeFenced(group, call))
      violation(`${describe(call)} is refused, though it holds all of it`);
    if (error === 'UNKNOWN_MEMBER_ID' && !mayBeGone(group, call))
      violation(`${describe(call)} is refused, though it is a member`);
    if (error === 'FENCED_INSTANCE_ID' && !itemsOf(group, call).some((item) => item?.memberId !== call.as))
      violation(`${describe(call)} is refused, though the name is its own`);
  }
  return checked;
};

function mayBeFenced(group: Group, call: MemberCall): boolean {
  const { member, offsets, invokedAtMs, returnedAtMs } = call;
  const holds = itemsOf(group, call).map((item) => item?.holds ?? []);
  const asked = offsets?.map(({ partition }) => partition) ?? holds.flat();
  return asked.some((partition) => {
    if (holds.some((some) => !some.includes(partition))) return true;
    return [...between(group, partition, invokedAtMs, returnedAtMs)].some(
      (now) => group.incarnations.get(now?.owner ?? '')?.name !== member,
    );
  });
}

function mayBeGone(group: Group, call: MemberCall): boolean {
  const untilMs = call.returnedAtMs + group.clocksApartMs;
  return itemsOf(group, call).some(
    (item) => item === undefined || item.left || untilMs - item.lastSeenMs > item.sessionMs,
  );
}

/** What a call of an instance says of a name that is another's by now is done for nobody. */
export const replacedAreRefused: Check = (group, violation) => {
  let checked = 0;
  for (const call of group.members) {
    if (call.as === undefined || call.outcome.is !== 'ok') continue;
    checked++;
    if (!itemsOf(group, call).some((item) => item?.memberId === call.as))
      violation(`${describe(call)} is done, though it was not ${call.as}'s name any more`);
  }
  return checked;
};

/** A member as it was stored at any time of a call. */
function itemsOf({ stored }: Group, { member, invokedAtMs, returnedAtMs }: MemberCall) {
  const all = stored.filter(isMember).filter(({ name, atMs }) => name === member && atMs <= returnedAtMs);
  const first = all.findLastIndex(({ atMs }) => atMs < invokedAtMs);
  return [...(first < 0 ? [undefined] : []), ...all.slice(Math.max(0, first)).map(({ member }) => member)];
}

/** A member is put out only when it was not heard of for a session, but for the part of it in which calls are not written down. */
export const membersStay: Check = ({ stored, members, clocksApartMs }, violation) => {
  let checked = 0;
  const sessions = new Map<string, number>();
  for (const each of stored.filter(isMember)) {
    if (each.member) {
      sessions.set(each.name, each.member.sessionMs);
      continue;
    }
    checked++;
    const { name, atMs } = each;
    if (members.some((call) => call.kind === 'leave' && call.member === name && call.invokedAtMs <= atMs))
      continue;
    const sinceMs = atMs - (sessions.get(name)! * 2) / 3 + clocksApartMs;
    const heard = members.find(
      (call) =>
        call.member === name &&
        call.outcome.is === 'ok' &&
        (call.kind === 'heartbeat' || call.kind === 'poll') &&
        call.invokedAtMs > sinceMs &&
        call.returnedAtMs < atMs,
    );
    if (heard) violation(`${name} is put out ${at(each)}, after ${describe(heard)}`);
  }
  return checked;
};
