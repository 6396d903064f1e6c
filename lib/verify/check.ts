import { batchesAreWhole, producersAreInOrder } from './batches.ts';
import { boundsNeverGoBack, logStartFollows } from './bounds.ts';
import { compactionTakesWhatItMay, takenDoesNotComeBack } from './compaction.ts';
import { type History, MAX_VIOLATIONS, type PropertyReport } from './history.ts';
import { isLinearizable } from './linearizable.ts';
import { partitionsOf } from './partition.ts';
import type { Check } from './property.ts';
import { fetchesBringRecords, offsetsAreContiguous, pollsAreConsecutive } from './reads.ts';
import {
  idempotentBatchesAreOnce,
  noFailedIsVisible,
  noneIsLost,
  noneIsStrange,
  offsetsHoldOneRecord,
  recordsHaveOneOffset,
} from './records.ts';

const properties: readonly (readonly [string, Check])[] = [
  ['no acknowledged record is lost', noneIsLost],
  ['no record of a failed append is visible', noFailedIsVisible],
  ['no record appears that nobody sent', noneIsStrange],
  ['an offset holds one record for ever', offsetsHoldOneRecord],
  ['no record is at two offsets', recordsHaveOneOffset],
  ['an idempotent batch is there once', idempotentBatchesAreOnce],
  ['a batch is there whole', batchesAreWhole],
  ['offsets are contiguous', offsetsAreContiguous],
  ['a fetch below the high watermark brings records', fetchesBringRecords],
  ["a producer's records are in order", producersAreInOrder],
  ['log start and high watermark never go back', boundsNeverGoBack],
  ['log start follows DeleteRecords and retention', logStartFollows],
  ['append, read and tail are linearizable', isLinearizable],
  ["a consumer's polls skip and repeat nothing", pollsAreConsecutive],
  ['compaction takes only what it may', compactionTakesWhatItMay],
  ['what compaction took does not come back', takenDoesNotComeBack],
];

/** One report per property, always in the same order. Takes n log n time, and n² with retention. */
export function checkHistory(history: History): PropertyReport[] {
  const partitions = partitionsOf(history);
  return properties.map(([property, check]) => {
    const violations: string[] = [];
    let checked = 0;
    for (const partition of partitions) {
      checked += check(partition, (line) => {
        if (violations.length < MAX_VIOLATIONS) violations.push(`${partition.id}: ${line}`);
      });
    }
    return { property, checked, violations };
  });
}
