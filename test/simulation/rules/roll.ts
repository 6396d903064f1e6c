import type { Mutation } from '../mutations.ts';

export const rollRules: readonly Mutation[] = [
  {
    rule: 'a roll begins on the head that it was planned for',
    file: 'lib/log/roll.ts',
    from: "{ all: [{ path: ['roll'], is: '=', value: head.roll }, { missing: ['rolling'] }] }",
    to: "{ missing: ['rolling'] }",
  },
  {
    rule: 'one roll at a time',
    file: 'lib/log/roll.ts',
    from: "{ all: [{ path: ['roll'], is: '=', value: head.roll }, { missing: ['rolling'] }] }",
    to: "{ path: ['roll'], is: '=', value: head.roll }",
  },
  {
    rule: 'a roll raises the fence',
    file: 'lib/log/roll.ts',
    from: "{ set: ['fence'], to: fence },",
    to: '',
  },
  {
    rule: 'the fence is the greatest time that was moved',
    file: 'lib/log/roll.ts',
    from: 'entries.reduce((max, { at }) => Math.max(max, at), head.fence)',
    to: 'entries.at(-1)!.at',
  },
  {
    rule: 'what was rolled is in the index before it leaves the head',
    file: 'lib/log/roll.ts',
    from: 'await Promise.all(rows.map((row) =>',
    to: 'const nobodyWaits = Promise.allSettled(rows.map((row) =>',
  },
  {
    rule: 'a roll ends the roll that it began',
    file: 'lib/log/roll.ts',
    from: "all: [{ path: ['roll'], is: '=', value: head.roll }, { exists: ['rolling'] }],",
    to: "all: [{ exists: ['rolling'] }],",
  },
  {
    rule: 'the greatest timestamp so far never falls',
    file: 'lib/log/indexRow.ts',
    from: 'Math.max(base.maxTimestamp, maxTimestamp)',
    to: 'maxTimestamp',
  },
  {
    rule: 'heads are rolled',
    file: 'lib/log/roll.ts',
    from: 'if (isCrowded(head, limits)) return true;',
    to: 'return isCrowded(head, limits);',
  },
  {
    rule: 'a roll that was left is finished by another',
    file: 'lib/log/roll.ts',
    from: 'if (age >= 0 && age < limits.abandonedMs) return false;',
    to: 'return false;',
  },
  {
    rule: 'a roll that failed does not keep its process from the next',
    file: 'lib/log/createLog.ts',
    from: '.finally(() => rolling.delete(key))',
    to: '.then(() => rolling.delete(key))',
  },
  {
    rule: 'the fence never falls',
    file: 'lib/log/roll.ts',
    from: 'Math.max(max, at), head.fence)',
    to: 'Math.max(max, at), 0)',
  },
];
