import type { ByteReader, ByteWriter } from '../log/bytes.ts';

/** Partitions by topic id, ascending. */
export type Parts = ReadonlyMap<string, readonly number[]>;

/** As gaps: `topics` gives each topic its number. */
export function writeParts(out: ByteWriter, parts: Parts, topics: readonly string[]): void {
  out.uint(parts.size);
  for (const [topicId, partitions] of parts) {
    out.uint(topics.indexOf(topicId)).uint(partitions.length);
    let next = 0;
    for (const partition of partitions) {
      out.uint(partition - next);
      next = partition + 1;
    }
  }
}

export function readParts(input: ByteReader, topics: readonly string[]): Map<string, number[]> {
  const parts = new Map<string, number[]>();
  const count = input.uint();
  for (let i = 0; i < count; i++) {
    const topicId = topics[input.uint()]!;
    const partitions = new Array<number>(input.uint());
    let next = 0;
    for (let k = 0; k < partitions.length; k++) {
      partitions[k] = next + input.uint();
      next = partitions[k]! + 1;
    }
    parts.set(topicId, partitions);
  }
  return parts;
}
