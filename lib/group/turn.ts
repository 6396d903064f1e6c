import type { DividedTopic } from './division.ts';
import { type Held, heldKey, type Member } from './member.ts';
import type { Parts } from './parts.ts';

/** A member's part of a division. */
export interface Part {
  readonly epoch: number;
  readonly parts: Parts;
  readonly topics: readonly DividedTopic[];
}

export interface Turn {
  /** The member as it is to be. */
  readonly member: Member;
  /** What it lets go thereby. */
  readonly released: readonly Held[];
  /** It is to be written. */
  readonly changed: boolean;
}

/**
 * What a member does with its part: lets go what is not in it, and lists what is new, to be claimed. One that confirms keeps
 * what it is to let go until it has said so (`confirmed`), or its time is over. Until then it does not list a partition of a topic that
 * was made again under the same name: members commit by name, and what they mean is the old one.
 */
export function takeTurn(
  member: Member,
  part: Part | undefined,
  confirmed: (held: Held) => boolean,
  now: number,
): Turn {
  if (member.manual) return { member, released: [], changed: false };
  let epoch = part?.epoch ?? member.epoch;
  const mine = new Set(part && keysOf(part));
  const held: Held[] = [];
  const released: Held[] = [];
  let changed = false;
  for (const each of member.held) {
    const isMine = part === undefined ? each.revokeByMs === 0 : mine.has(heldKey(each));
    if (isMine) {
      changed ||= each.revokeByMs !== 0;
      held.push(each.revokeByMs === 0 ? each : { ...each, revokeByMs: 0 });
      continue;
    }
    const revokeByMs = each.revokeByMs || now + member.config.maxPollIntervalMs;
    const waits = member.config.confirmRevocation && each.epoch > 0 && now < revokeByMs && !confirmed(each);
    if (waits) held.push({ ...each, revokeByMs });
    else released.push(each);
    changed ||= !waits || each.revokeByMs === 0;
  }
  const listed = new Set(held.map(heldKey));
  for (const { id: topicId, name: topic } of part?.topics ?? []) {
    for (const partition of part!.parts.get(topicId) ?? []) {
      if (listed.has(heldKey({ topicId, partition }))) continue;
      if (held.some((each) => each.topic === topic && each.partition === partition)) {
        // It has yet to take that part.
        epoch = member.epoch;
        continue;
      }
      const nothing = { epoch: 0, position: -1, committed: -1, revokeByMs: 0 };
      held.push({ topicId, topic, partition, ...nothing });
      changed = true;
    }
  }
  changed ||= epoch !== member.epoch;
  return { member: { ...member, epoch, held }, released, changed };
}

function keysOf({ parts }: Part): string[] {
  return [...parts].flatMap(([topicId, partitions]) =>
    partitions.map((partition) => heldKey({ topicId, partition })),
  );
}
