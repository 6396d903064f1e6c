import { ByteReader, ByteWriter } from '../log/bytes.ts';
import type { Item, Key } from '../storage/ports.ts';
import type { AssignorName } from './groups.ts';
import { groupPk } from './member.ts';
import { type Parts, readParts, writeParts } from './parts.ts';

/**
 * Which member is to have which partitions. It is written once and never changed; the group says which one counts:
 *
 *   pk group/<groupId>   sk division/<epoch, 12 digits>-<random>
 *   members   list of names
 *   topics    text: ids, names and partition counts (JSON)
 *   parts     binary: of each member, in the order of `members`
 *   ends      binary: the high watermarks then, of each topic's partitions; to tell the load since
 *   atMs, assignor
 *   basis     a digest of what it was made for
 */
export interface Division {
  readonly key: Key;
  readonly assignor: AssignorName;
  readonly basis: string;
  readonly topics: readonly DividedTopic[];
  readonly parts: ReadonlyMap<string, Parts>;
  readonly ends: ReadonlyMap<string, readonly number[]>;
  readonly atMs: number;
}

export interface DividedTopic {
  readonly id: string;
  readonly name: string;
  readonly partitions: number;
}

const PREFIX = 'division/';
const DIGITS = 12;

export function divisionKey(groupId: string, name: string): Key {
  return { pk: groupPk(groupId), sk: `${PREFIX}${name}` };
}

export function divisionName(epoch: number, random: string): string {
  return `${String(epoch).padStart(DIGITS, '0')}-${random}`;
}

export function divisionsOf(groupId: string): { pk: string; from: string; to: string } {
  return { pk: groupPk(groupId), from: PREFIX, to: 'division0' };
}

export function divisionsBefore(groupId: string, epoch: number): { pk: string; from: string; to: string } {
  const to = divisionKey(groupId, divisionName(epoch, '')).sk;
  return { pk: groupPk(groupId), from: PREFIX, to };
}

export function encodeDivision({ key, assignor, basis, topics, parts, ends, atMs }: Division): Item {
  const ids = topics.map(({ id }) => id);
  const packedParts = new ByteWriter();
  for (const some of parts.values()) writeParts(packedParts, some, ids);
  const packedEnds = new ByteWriter();
  for (const id of ids) {
    const some = ends.get(id) ?? [];
    packedEnds.uint(some.length);
    for (const end of some) packedEnds.uint(end);
  }
  return {
    ...key,
    members: [...parts.keys()],
    topics: JSON.stringify(topics),
    parts: packedParts.finish(),
    ends: packedEnds.finish(),
    assignor,
    basis,
    atMs,
  };
}

export function decodeDivision(item: Item): Division {
  const topics = JSON.parse(item.topics as string) as DividedTopic[];
  const ids = topics.map(({ id }) => id);
  const input = new ByteReader(item.parts as Uint8Array);
  const parts = new Map((item.members as string[]).map((name) => [name, readParts(input, ids)]));
  const endsInput = new ByteReader(item.ends as Uint8Array);
  const ends = new Map(
    ids.map((id) => [id, Array.from({ length: endsInput.uint() }, () => endsInput.uint())]),
  );
  const { pk, sk, assignor, basis, atMs } = item as Item & Pick<Division, 'assignor' | 'basis' | 'atMs'>;
  return { key: { pk, sk }, assignor, basis, topics, parts, ends, atMs };
}
