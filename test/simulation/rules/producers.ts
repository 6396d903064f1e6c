import type { Mutation } from '../mutations.ts';

export const producersRules: readonly Mutation[] = [
  {
    rule: 'a sequence that was appended is a duplicate',
    file: 'lib/log/producers.ts',
    from: "return { kind: 'duplicate' };",
    to: 'return appended;',
  },
  {
    rule: 'a gap in the sequences is refused',
    file: 'lib/log/producers.ts',
    from: 'if (sequence === expected) return appended;',
    to: 'if (sequence >= expected) return appended;',
  },
  {
    rule: 'an unknown producer begins with sequence 0',
    file: 'lib/log/producers.ts',
    from: "if (sequence === 0) return appended;\n    return { kind: 'refused', error: outOfOrder(batch, 'a producer",
    to: "return appended;\n    return { kind: 'refused', error: outOfOrder(batch, 'a producer",
  },
  {
    rule: 'an old epoch is fenced',
    file: 'lib/log/producers.ts',
    from: 'if (epoch < state.epoch) {',
    to: 'if (false) {',
  },
  {
    rule: 'a duplicate is of the same epoch',
    file: 'lib/log/findLanded.ts',
    from: ' || run.epoch !== epoch',
    to: '',
  },
  {
    rule: 'a duplicate below the log start cannot be found',
    file: 'lib/log/findLanded.ts',
    from: 'if (searched === 0) throw',
    to: 'throw',
  },
  {
    rule: 'a producer is stored before it is put aside',
    file: 'lib/log/roll.ts',
    from: '  await Promise.all(\n    keys.map((key) => {',
    to: '  if (keys.length < 0) await Promise.all(\n    keys.map((key) => {',
  },
  {
    rule: 'of two states of a producer that is put aside the newer stays',
    file: 'lib/log/roll.ts',
    from: 'items.put(item, newer)',
    to: 'items.put(item)',
  },
  {
    rule: 'a producer is put aside as it was stored',
    file: 'lib/log/roll.ts',
    from: "return { path: ['producers', key], is: '=', value };",
    to: "return { exists: ['producers', key] };",
  },
  {
    rule: 'putting producers aside is counted',
    file: 'lib/log/roll.ts',
    from: "{ add: ['evictions'], value: 1 }",
    to: "{ add: ['evictions'], value: 0 }",
  },

  {
    rule: 'a head that is full of producers is rolled, however short its tail',
    file: 'lib/log/roll.ts',
    from: 'if (isCrowded(head, limits)) return true;',
    to: '',
  },
  {
    rule: 'a duplicate that may be in rows that are gone is not told as out of order',
    file: 'lib/log/findLanded.ts',
    from: 'if (row.endOffset >= searched) searched',
    to: 'searched',
  },
];
