import type { Mutation } from '../mutations.ts';

/** Rules of tombstones that take a story to tell are held by tests: filterBatches.test.ts, compactPartition.test.ts. */
export const compactionRules: readonly Mutation[] = [
  {
    rule: 'compaction goes from the lowest row up',
    file: 'lib/maintenance/compactPartition.ts',
    from: 'planSteps(rows, to, situation, limits)) {',
    to: 'planSteps(rows, to, situation, limits).reverse()) {',
  },
  {
    rule: 'compaction keeps the last record of a key',
    file: 'lib/record/filterBatches.ts',
    from: 'if (lastOffset(cursor.bytes, keyStart, keyLength) > offset) continue;',
    to: 'if (lastOffset(cursor.bytes, keyStart, keyLength) >= 0) continue;',
  },
  {
    rule: 'compaction keeps no record before the last of a key',
    file: 'lib/maintenance/offsetMap.ts',
    from: 'offsets[slot] = offset + 1;',
    to: 'offsets[slot] ||= offset + 1;',
  },
  {
    rule: 'compaction calls a row clean as far as it knows the keys',
    file: 'lib/maintenance/compactPartition.ts',
    from: 'endOffset: Math.max(to,',
    to: 'endOffset: Math.max(rows.at(-1)!.endOffset,',
  },
  {
    rule: 'compaction knows the keys of all that is dirty',
    file: 'lib/maintenance/compactPartition.ts',
    from: 'const full = addKeys(map, bytes, next, to);',
    to: 'const full = addKeys(map, bytes, slice.baseOffset + slice.recordCount - 1, to);',
  },
  {
    rule: 'a merged row is as clean, for compaction, as the least of its rows',
    file: 'lib/maintenance/mergePartition.ts',
    from: 'cleanedTo: Math.min(',
    to: 'cleanedTo: Math.max(',
  },
  {
    rule: 'compaction keeps tombstones for delete.retention.ms',
    file: 'lib/maintenance/compactPartition.ts',
    from: 'deleteHorizonMs: now + deleteRetentionMs,',
    to: 'deleteHorizonMs: now,',
  },
  {
    rule: 'compaction is due for tombstones alone',
    file: 'lib/maintenance/planCompaction.ts',
    from: ' || horizon <= now || overlapping',
    to: ' || overlapping',
  },
  {
    rule: 'compaction of rows that are open begins with the first',
    file: 'lib/maintenance/planCompaction.ts',
    from: 'for (let i = lastClosed + 1; i < last; i++) wanted[i] = isLive(i);',
    to: '',
  },
  {
    rule: 'of rows that overlap, compaction goes by the later one',
    file: 'lib/maintenance/planCompaction.ts',
    from: 'for (const row of cluster) {',
    to: 'for (const row of [...cluster].reverse()) {',
  },
  {
    rule: 'compaction makes one of rows that overlap',
    file: 'lib/maintenance/planCompaction.ts',
    from: 'if (row.baseOffset < end) clusters.at(-1)!.push(row);',
    to: 'if (row.baseOffset < 0) clusters.at(-1)!.push(row);',
  },
  {
    rule: 'compaction copies what is of rows that it takes in',
    file: 'lib/maintenance/cleanRows.ts',
    from: 'source.row === first && isWhole(source)',
    to: 'isWhole(source)',
  },
  {
    rule: 'compaction marks the rows that it takes in',
    file: 'lib/maintenance/cleanRows.ts',
    from: 'await markAbsorbed(compactor, first, rows.slice(1))',
    to: 'rows.length - 1',
  },
  {
    rule: 'compaction looks whether a row is as it was planned with',
    file: 'lib/maintenance/cleanRows.ts',
    from: 'row.version !== some[i]!.version',
    to: 'i < 0',
  },
  {
    rule: 'compaction leaves alone what is younger than min.compaction.lag.ms',
    file: 'lib/maintenance/planCompaction.ts',
    from: 'minCompactionLagMs > 0 ? timeOf(slice) + minCompactionLagMs : 0',
    to: '0',
  },
  {
    rule: 'compaction goes no further than the first record that is too young',
    file: 'lib/maintenance/planCompaction.ts',
    from: 'Math.min(end, heldFrom)',
    to: 'end',
  },
  {
    rule: 'what is left by compaction keeps its offset',
    file: 'lib/log/fetch.ts',
    from: 'if (slice.blob.segmentOf !== undefined) return;',
    to: '',
  },
  {
    rule: 'a fetch goes on behind what compaction took',
    file: 'lib/log/fetch.ts',
    from: 'nextOffset = Math.max(nextOffset, baseOffset + recordCount);',
    to: '',
  },
  {
    rule: 'what compaction leaves keeps its time',
    file: 'lib/record/filterBatches.ts',
    from: 'const delta = readVarlong(cursor) + shift;',
    to: 'const delta = readVarlong(cursor);',
  },
];
