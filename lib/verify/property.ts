import type { Partition } from './partition.ts';

/** Looks at one partition, tells what speaks against the property, and returns how many cases of it there were. */
export type Check = (partition: Partition, violation: (line: string) => void) => number;
