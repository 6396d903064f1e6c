import type { PartitionName } from '../group/groups.ts';

/** `orders 0-3,7; users 1` */
export function partitionNames(partitions: readonly PartitionName[]): string {
  return [...Map.groupBy(partitions, ({ topic }) => topic)]
    .map(([topic, some]) => `${topic} ${ranges(some.map(({ partition }) => partition))}`)
    .join('; ');
}

function ranges(numbers: readonly number[]): string {
  const found: [first: number, last: number][] = [];
  for (const number of numbers.toSorted((a, b) => a - b)) {
    const range = found.at(-1);
    if (range?.[1] === number - 1) range[1] = number;
    else found.push([number, number]);
  }
  return found.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(',');
}
