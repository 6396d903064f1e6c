import type { Mutation } from '../mutations.ts';

export const segmentsRules: readonly Mutation[] = [
  {
    rule: 'a segment is put in place of the row that was read',
    file: 'lib/maintenance/swapRow.ts',
    from: 'const outcome = await withRetries(clock, () => items.put(item, unchanged));',
    to: 'const outcome = await withRetries(clock, () => items.put(item));',
  },
  {
    rule: 'a segment object is written before a row names it',
    file: 'lib/maintenance/mergePartition.ts',
    from: 'await withRetries(clock, () => objects.put(objectKey(topic.id, { blob, partition }), object.chunks));',
    to: `withRetries(clock, () => objects.put(objectKey(topic.id, { blob, partition }), object.chunks)).catch(
      () => undefined,
    );`,
  },
  {
    rule: 'a row is marked as absorbed as it was read',
    file: 'lib/maintenance/swapRow.ts',
    from: 'const { applied } = await withRetries(clock, () => items.put(item, unchanged));',
    to: 'const { applied } = await withRetries(clock, () => items.put(item));',
  },
  {
    rule: 'an absorbed row leaves a mark',
    file: 'lib/maintenance/swapRow.ts',
    from: 'const { applied } = await withRetries(clock, () => items.put(item, unchanged));',
    to: 'const { applied } = await withRetries(clock, () => items.delete(item, unchanged));',
  },
  {
    rule: 'marks of absorbed rows stay for a while',
    file: 'lib/maintenance/collectGarbage.ts',
    from: 'const until = clock.now() - limits.markAgeMs;',
    to: 'const until = clock.now();',
  },
  {
    rule: 'a roll puts no row where one is, or was absorbed',
    file: 'lib/log/roll.ts',
    from: "items.put(row, { missing: ['pk'] })",
    to: 'items.put(row)',
  },
  {
    rule: 'the mark of an absorbed row leads to the one that has its records',
    file: 'lib/log/indexRow.ts',
    from: 'to = row.absorbed;\n            break;',
    to: 'return undefined;',
  },
  {
    rule: 'a segment has the greatest timestamp up to its end',
    file: 'lib/maintenance/mergePartition.ts',
    from: 'const { endOffset, runningMaxTimestamp } = rows.at(-1)!;',
    to: 'const { endOffset } = rows.at(-1)!;\n  const { runningMaxTimestamp } = rows[0]!;',
  },
  {
    rule: 'a segment tells of the producers of its records',
    file: 'lib/maintenance/segmentObject.ts',
    from: 'addRun(piece.runs,',
    to: 'addRun([],',
  },
  {
    rule: 'bytes that are gone are looked for in another segment',
    file: 'lib/log/indexRow.ts',
    from: 'return !gone.has(blobName(slice.blob.id));',
    to: 'return true;',
  },
  {
    rule: 'garbage is looked for from the last row down, as segments take rows in',
    file: 'lib/maintenance/collectGarbage.ts',
    from: 'const { rows, more } = await index.before(place.below, limits.rowsPerPage);',
    to: `const { decodeIndexRow } = await import('../log/indexRow.ts');
    const { partition, below } = place;
    const up = indexRowKey(pass.topic.id, partition, Math.max(0, -place.coveredFrom));
    const page0 = await pass.items.query({ pk: up.pk, from: up.sk, limit: limits.rowsPerPage });
    const rows = page0.items.map((item) => decodeIndexRow(item, partition));
    for (const row of rows) if (row.absorbed === undefined) strikeOut(candidates, head, row.slices);
    place = { partition, below, coveredFrom: -1 - (rows.at(-1)?.baseOffset ?? 0) };
    if (page0.lastSk === undefined) place = firstPlace(head, partition + 1);
    if (candidates.size >= 0) continue;
    const more = true;`,
  },
  {
    rule: 'a segment object is deleted when no sleeping merger can swap it in',
    file: 'lib/maintenance/segmentGarbage.ts',
    from: 'if (left.length > 0 && !at.fenced) {',
    to: 'if (candidates.length < 0) {',
  },
  {
    rule: 'what a row names is no garbage segment',
    file: 'lib/maintenance/segmentGarbage.ts',
    from: 'if (row.absorbed === undefined) strikeOut(unnamed, head, row.slices);',
    to: '',
  },
  {
    rule: 'a closed segment takes no more records',
    file: 'lib/log/indexRow.ts',
    from: 'closed: item.closed === true,',
    to: 'closed: false,',
  },
];
