import type { Mutation } from '../mutations.ts';

export const garbageRules: readonly Mutation[] = [
  {
    rule: 'the log start never goes back',
    file: 'lib/log/deleteRecords.ts',
    from: "all: [{ exists: ['start'] }, { any: [{ missing: start }, { path: start, is: '<', value: to }] }],",
    to: "all: [{ exists: ['start'] }],",
  },
  {
    rule: 'the floor is raised before garbage is judged',
    file: 'lib/maintenance/collectGarbage.ts',
    from: 'if (head === undefined || head.floor >= atLeast) return head;',
    to: 'if (head !== null) return head;',
  },
  {
    rule: 'garbage is judged by a head that shows the floor',
    file: 'lib/maintenance/collectGarbage.ts',
    from: 'return decodeLive(topic, index, raised.item);',
    to: 'return head;',
  },
  {
    rule: 'the floor never falls',
    file: 'lib/maintenance/garbage.ts',
    from: "condition: { path: ['floor'], is: '<', value: floor },",
    to: "condition: { exists: ['floor'] },",
  },
  {
    rule: 'heads that were made meanwhile are asked too',
    file: 'lib/maintenance/pass.ts',
    from: 'if (item === undefined && index > headIndexOf(topic, topic.partitions - 1)) return undefined;',
    to: 'if (index > headIndexOf(topic, topic.partitions - 1)) return undefined;',
  },
  {
    rule: 'what the tail and the roll name is no garbage',
    file: 'lib/maintenance/collectGarbage.ts',
    from: 'for (const { slices } of placedEntries(head)) strikeOut(candidates, head, slices);',
    to: '',
  },
  {
    rule: 'what the index names is no garbage',
    file: 'lib/maintenance/collectGarbage.ts',
    from: 'if (row.absorbed === undefined) strikeOut(candidates, head, row.slices);',
    to: '',
  },
  {
    rule: 'the row that the log start is in counts',
    file: 'lib/maintenance/collectGarbage.ts',
    from: 'if (row.absorbed === undefined) strikeOut(candidates, head, row.slices);',
    to: `if (row.absorbed === undefined && row.baseOffset >= logStartOffset(head, place!.partition)) {
        strikeOut(candidates, head, row.slices);
      }`,
  },
  {
    rule: 'a slice that the log start is in counts',
    file: 'lib/maintenance/garbage.ts',
    from: 'if (baseOffset + recordCount > logStartOffset(head, partition)) candidates',
    to: 'if (baseOffset > logStartOffset(head, partition)) candidates',
  },
  {
    rule: 'the index is asked up to where the head begins',
    file: 'lib/maintenance/garbage.ts',
    from: 'const end = firstOffsetInHead(head, partition);',
    to: 'const end = firstOffsetInHead(head, partition) - 4;',
  },
  {
    rule: 'records are deleted up to the end as it stands',
    file: 'lib/log/deleteRecords.ts',
    from: 'const head = await heads.read(topic, headIndexOf(topic, partition));',
    to: 'const index = headIndexOf(topic, partition);\n  const head = heads.cached(topic, index) ?? (await heads.read(topic, index));',
  },
  {
    rule: 'records beyond the end are not deleted',
    file: 'lib/log/deleteRecords.ts',
    from: ' && beforeOffset <= end\n',
    to: ' && end >= 0\n',
  },
  {
    rule: 'garbage is deleted',
    file: 'lib/maintenance/collectGarbage.ts',
    from: 'const names = [...garbage.keys()];',
    to: 'const names = [...garbage.keys()].slice(0, 0);',
  },
  {
    rule: 'rows below the log start are deleted',
    file: 'lib/maintenance/collectGarbage.ts',
    from: '({ endOffset }) => endOffset <= start);',
    to: '({ endOffset }) => endOffset < 0);',
  },
];
