import { WadiError } from '../errors.ts';

/** Enough for any topic that one table should carry, and few enough to be made within one request. */
export const MAX_PARTITIONS = 10_000;

/** Throws INVALID_PARTITIONS unless a topic can have this many. */
export function checkPartitions(partitions: number): void {
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > MAX_PARTITIONS) {
    throw new WadiError(
      'INVALID_PARTITIONS',
      `Number of partitions must be a whole number from 1 to ${MAX_PARTITIONS}, not ${partitions}.`,
      { field: 'partitions_count' },
    );
  }
}
