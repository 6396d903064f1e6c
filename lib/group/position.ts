import type { Condition, Item, Key } from '../storage/ports.ts';
import type { Member } from './member.ts';
import { sameHeld } from './member.ts';

/**
 * How far a group has come in a partition, and who may say so:
 *
 *   pk positions/<groupId>   sk <topicId>/<partition, 6 digits>
 *   topic          its name
 *   owner          the memberId of whoever claimed it last;  ownerName: the member's name
 *   epoch          counted up by each claim
 *   offset         what is committed; -1 for nothing
 *   metadata, committedAtMs
 *   version        counted up, from anywhere, by each write, which has it as a condition: so a copy that comes late is refused
 *
 * which when it was deleted leaves a mark in its place for a day, so that a late copy of the write that made it does not bring it back:
 *
 *   topic, version, expiresAt
 */
export interface Position {
  readonly topicId: string;
  readonly topic: string;
  readonly partition: number;
  readonly owner: string;
  readonly ownerName: string;
  readonly epoch: number;
  readonly offset: number;
  readonly metadata: string;
  readonly committedAtMs: number;
  readonly version: number;
}

const DIGITS = 6;

export function positionsPk(groupId: string): string {
  return `positions/${groupId}`;
}

export function positionKey(groupId: string, topicId: string, partition: number): Key {
  return { pk: positionsPk(groupId), sk: `${topicId}/${String(partition).padStart(DIGITS, '0')}` };
}

/** Before anybody came. */
export function noPosition(topicId: string, topic: string, partition: number): Position {
  const nothing = {
    owner: '',
    ownerName: '',
    epoch: 0,
    offset: -1,
    metadata: '',
    committedAtMs: 0,
    version: 0,
  };
  return { topicId, topic, partition, ...nothing };
}

export function encodePosition(groupId: string, position: Position): Item {
  const { topicId, partition, ...stored } = position;
  return { ...positionKey(groupId, topicId, partition), ...stored };
}

/** @param expiresAt seconds since the Unix epoch, as DynamoDB's time to live has it */
export function encodeMark(groupId: string, position: Position, expiresAt: number): Item {
  const { topicId, topic, partition, version } = position;
  return { ...positionKey(groupId, topicId, partition), topic, version: version + 1, expiresAt };
}

export function isMark({ expiresAt }: Item): boolean {
  return expiresAt !== undefined;
}

/** Of a mark, what there is before anybody came, but for the version. */
export function decodePosition(item: Item): Position {
  const { pk: _, sk, expiresAt, ...stored } = item as Item & Omit<Position, 'topicId' | 'partition'>;
  const [topicId, digits] = sk.split('/') as [string, string];
  const partition = Number(digits);
  if (expiresAt === undefined) return { ...stored, topicId, partition };
  return { ...noPosition(topicId, stored.topic, partition), version: stored.version };
}

/** That nothing was written since. */
export function unchanged({ version }: Position): Condition {
  return version === 0 ? { missing: ['pk'] } : { path: ['version'], is: '=', value: version };
}

/**
 * Whether nobody else holds the partition: its owner is gone (`owner` is who has that name now), or has let it go. A member
 * that takes it again lists it first and then claims it, which changes the position.
 */
export function isFree(position: Position, owner: Member | undefined): boolean {
  if (position.owner === '' || owner === undefined || owner.memberId !== position.owner) return true;
  return !owner.held.some((held) => sameHeld(held, position));
}

/** One who takes back what it had, and nobody claimed since, keeps its epoch; the version refuses those who saw it free. */
export function claimed(position: Position, { memberId, name }: Pick<Member, 'memberId' | 'name'>): Position {
  const { owner, version } = position;
  const epoch = owner === memberId ? position.epoch : position.epoch + 1;
  return { ...position, owner: memberId, ownerName: name, epoch, version: version + 1 };
}
