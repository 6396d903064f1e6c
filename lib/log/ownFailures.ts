import { type KafkaErrorName, WadiError } from '../errors.ts';
import type { AppendResult } from './log.ts';

/** What an append fails by though nothing is wrong with it: storage, time, regions, or a bug. */
const OWN: ReadonlySet<KafkaErrorName> = new Set<KafkaErrorName>([
  'KAFKA_STORAGE_ERROR',
  'NOT_ENOUGH_REPLICAS',
  'REQUEST_TIMED_OUT',
  'UNKNOWN_SERVER_ERROR',
]);

/** Of an append's results, one for each partition, the errors that are not its caller's. */
export const ownFailures = (results: readonly AppendResult[]): WadiError[] =>
  results.flatMap((result) => (!result.ok && OWN.has(result.error.kafka) ? [result.error] : []));

/**
 * The same promise, in which `tell` has heard how many partitions an append failed for by no fault of its caller: all `partitions`, if it
 * throws what is no refusal. Not called for none.
 */
export async function tellOwnFailures(
  appending: Promise<AppendResult[]>,
  partitions: number,
  tell: (partitions: number) => void,
): Promise<AppendResult[]> {
  try {
    const results = await appending;
    const { length } = ownFailures(results);
    if (length > 0) tell(length);
    return results;
  } catch (error) {
    if (!(error instanceof WadiError)) tell(partitions);
    throw error;
  }
}
