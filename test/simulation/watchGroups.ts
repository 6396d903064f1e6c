import { GROUPS_PK } from '../../lib/group/group.ts';
import { decodeMember, isHeld, type Member, memberKey } from '../../lib/group/member.ts';
import { decodePosition, isMark, positionsPk } from '../../lib/group/position.ts';
import type { Item, Key, WriteOutcome } from '../../lib/storage/ports.ts';
import type { PositionNow, Stored } from '../../lib/verify/groups/history.ts';
import type { Call } from '../support/faults.ts';
import { type Coverage, count } from './faults.ts';

/** Sees every write of the groups table. */
export interface GroupsWatch {
  readonly stored: Stored[];
  /** Of a member, at present. */
  ownerOf(groupId: string, partition: string): string | undefined;
  /** Of its members, at present. */
  longestSessionMs(groupId: string): number;
  note(coverage: Coverage, call: Call, result: unknown, atMs: number, via: string): void;
}

const MEMBERS = memberKey({ groupId: '', name: '' }).sk;
const POSITIONS = positionsPk('');

export function watchGroups(): GroupsWatch {
  const stored: Stored[] = [];
  const members = new Map<string, Member>();
  const positions = new Map<string, PositionNow>();
  /** Names of partitions by the keys of their positions. */
  const names = new Map<string, string>();
  const divisionsThatCounted = new Set<string>();

  function noteMember(coverage: Coverage, key: Key, item: Item | undefined, where: Where): void {
    const id = `${key.pk} ${key.sk}`;
    const before = members.get(id);
    const { groupId, name } = decodeName(key);
    if (item === undefined) {
      members.delete(id);
      stored.push({ kind: 'member', groupId, name, member: undefined, ...where });
      if (before && where.atMs - before.lastSeenMs > before.config.sessionTimeoutMs)
        count(coverage, 'memberPutOut');
      return;
    }
    const member = decodeMember(item);
    members.set(id, member);
    if (before && before.memberId !== member.memberId) count(coverage, 'staticTakenOver');
    const kept = (partition: string) =>
      member.held.some((held) => partition === `${held.topic}/${held.partition}`);
    if (before?.held.some((held) => held.revokeByMs > 0 && !kept(`${held.topic}/${held.partition}`)))
      count(coverage, 'confirmedRevocation');
    const holds = member.held
      .filter((held) => isHeld(member, held))
      .map(({ topic, partition }) => `${topic}/${partition}`);
    const { memberId, config, left, lastSeenMs } = member;
    const { enableAutoCommit: autoCommit, sessionTimeoutMs: sessionMs } = config;
    stored.push({
      kind: 'member',
      groupId,
      name,
      member: { memberId, autoCommit, left, sessionMs, lastSeenMs, holds },
      ...where,
    });
  }

  function notePosition(coverage: Coverage, key: Key, item: Item | undefined, where: Where): void {
    const id = `${key.pk} ${key.sk}`;
    const groupId = key.pk.slice(POSITIONS.length);
    if (item === undefined || isMark(item)) {
      // One that is not there may be deleted, too.
      if (!positions.delete(id)) return;
      positions.delete(`${groupId} ${names.get(id)}`);
      stored.push({ kind: 'position', groupId, partition: names.get(id)!, position: undefined, ...where });
      return;
    }
    const { topic, partition, owner, epoch, offset, metadata } = decodePosition(item);
    const name = `${topic}/${partition}`;
    names.set(id, name);
    const before = positions.get(id);
    if (owner !== '' && before?.owner && before.owner !== owner) count(coverage, 'partitionMoved');
    const position = { owner, epoch, offset, metadata };
    positions.set(id, position);
    positions.set(`${groupId} ${name}`, position);
    stored.push({ kind: 'position', groupId, partition: name, position, ...where });
  }

  return {
    stored,
    ownerOf: (groupId, partition) => positions.get(`${groupId} ${partition}`)?.owner,
    longestSessionMs: (groupId) =>
      Math.max(
        0,
        ...[...members.values()]
          .filter((member) => member.groupId === groupId)
          .map(({ config }) => config.sessionTimeoutMs),
      ),
    note(coverage, { operation, args }, result, atMs, via) {
      if (operation !== 'put' && operation !== 'update' && operation !== 'delete') return;
      const key = args[0] as Key;
      const { applied, item } = result as WriteOutcome;
      const where = { atMs, via };
      const now = operation === 'delete' ? undefined : item;
      if (key.pk === GROUPS_PK) return;
      if (key.pk.startsWith(POSITIONS)) {
        if (applied) notePosition(coverage, key, now, where);
        else if (operation === 'put') {
          const isClaim = (args[0] as Item).owner !== item?.owner;
          count(coverage, isClaim ? 'claimLost' : 'commitCrossed');
        }
      } else if (key.sk.startsWith(MEMBERS)) {
        if (applied) noteMember(coverage, key, now, where);
        else if (operation === 'put') count(coverage, 'memberCrossed');
        else count(coverage, 'memberStays');
      } else if (key.sk === 'group') {
        const groupId = decodeName(key).groupId;
        if (applied && (operation === 'delete' || operation === 'put')) {
          stored.push({ kind: 'group', groupId, exists: operation === 'put', ...where });
          if (operation === 'delete') count(coverage, 'groupDeleted');
        }
        const division = (args[1] as readonly { set?: string[]; to?: unknown }[] | undefined)?.find?.(
          ({ set }) => set?.[0] === 'division',
        );
        if (division === undefined) return;
        if (applied) divisionsThatCounted.add(`${key.pk} division/${division.to}`);
        else count(coverage, 'divisionLost');
      } else if (operation === 'delete' && applied && !divisionsThatCounted.has(`${key.pk} ${key.sk}`)) {
        count(coverage, 'orphanDivisionDeleted');
      }
    },
  };
}

interface Where {
  readonly atMs: number;
  readonly via: string;
}

function decodeName({ pk, sk }: Key): { groupId: string; name: string } {
  return { groupId: pk.slice('group/'.length), name: sk.slice(MEMBERS.length) };
}
