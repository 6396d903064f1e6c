import { atOnce } from '../atOnce.ts';
import type { Clock } from '../clock.ts';
import { withRetries } from '../log/retry.ts';
import { allItems } from '../storage/allItems.ts';
import { MAX_KEYS_PER_READ } from '../storage/ports.ts';
import type { GroupContext } from './context.ts';
import {
  decodePosition,
  encodeMark,
  encodePosition,
  isMark,
  noPosition,
  type Position,
  positionKey,
  positionsPk,
  unchanged,
} from './position.ts';

const VERSION_BYTES = 6;
/** No copy of a call is on its way for longer. */
const MARK_SECONDS = 24 * 3_600;

/** Which partition's. */
export type PositionOf = Pick<Position, 'topicId' | 'topic' | 'partition'>;

/** In the order asked for. */
export async function readPositions(
  { items, clock }: GroupContext,
  groupId: string,
  wanted: readonly PositionOf[],
): Promise<Position[]> {
  const positions: Position[] = [];
  for (let i = 0; i < wanted.length; i += MAX_KEYS_PER_READ) {
    const some = wanted.slice(i, i + MAX_KEYS_PER_READ);
    const keys = some.map(({ topicId, partition }) => positionKey(groupId, topicId, partition));
    const found = await withRetries(clock, () => items.getMany(keys));
    for (const [k, { topicId, topic, partition }] of some.entries()) {
      const item = found[k];
      positions.push(item === undefined ? noPosition(topicId, topic, partition) : decodePosition(item));
    }
  }
  return positions;
}

export async function readAllPositions(
  { items, clock, limits }: GroupContext,
  groupId: string,
): Promise<Position[]> {
  const query = { pk: positionsPk(groupId), limit: limits.itemsPerRead };
  const found = await allItems(items, clock, query);
  return found.filter((item) => !isMark(item)).map(decodePosition);
}

/**
 * Writes a position in place of `before`. Whether it is there: one that was sent again finds its own, or one that says the same.
 */
export async function writePosition(
  { items, clock }: GroupContext,
  groupId: string,
  before: Position,
  position: Position,
): Promise<boolean> {
  const written = { ...position, version: (before.version || anyVersion(clock)) + 1 };
  const outcome = await withRetries(clock, () =>
    items.put(encodePosition(groupId, written), unchanged(before)),
  );
  if (outcome.applied) return true;
  return outcome.item !== undefined && isSame(decodePosition(outcome.item), written);
}

/** Where one that is made anew begins: a copy of a write to the one that was deleted does not fit it. */
function anyVersion(clock: Clock): number {
  return Buffer.from(clock.random(VERSION_BYTES)).readUIntBE(0, VERSION_BYTES);
}

export async function deletePosition(
  { items, clock }: GroupContext,
  groupId: string,
  position: Position,
): Promise<boolean> {
  // Nothing was there.
  if (position.version === 0) return true;
  const mark = encodeMark(groupId, position, Math.floor(clock.now() / 1_000) + MARK_SECONDS);
  const outcome = await withRetries(clock, () => items.put(mark, unchanged(position)));
  return outcome.applied || outcome.item === undefined || isMark(outcome.item);
}

/** Deletes marks whose time is over, as only DynamoDB does by itself. */
export async function forgetMarks({ items, clock, limits }: GroupContext, groupId: string): Promise<void> {
  const found = await allItems(items, clock, { pk: positionsPk(groupId), limit: limits.itemsPerRead });
  const nowSeconds = clock.now() / 1_000;
  const over = found.filter((item) => isMark(item) && (item.expiresAt as number) < nowSeconds);
  await atOnce(over, limits.atOnce, (item) => {
    const isAsRead = { path: ['expiresAt'], is: '=', value: item.expiresAt as number } as const;
    return withRetries(clock, () => items.delete(item, isAsRead));
  });
}

function isSame(a: Position, b: Position): boolean {
  return (
    a.version === b.version &&
    a.owner === b.owner &&
    a.epoch === b.epoch &&
    a.offset === b.offset &&
    a.metadata === b.metadata &&
    a.committedAtMs === b.committedAtMs
  );
}
