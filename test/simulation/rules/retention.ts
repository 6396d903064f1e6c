import type { Mutation } from '../mutations.ts';

export const retentionRules: readonly Mutation[] = [
  {
    rule: 'retention stops at the first slice that stays',
    file: 'lib/maintenance/retain.ts',
    from: 'return { logStartOffset, bytes, oldest: slice };',
    to: 'continue;',
  },
  {
    rule: 'retention stops at the first slice that stays, in whichever row it is',
    file: 'lib/maintenance/retain.ts',
    from: 'if (before.oldest !== undefined) return before;',
    to: '',
  },
  {
    rule: 'a row that stays keeps those after it',
    file: 'lib/maintenance/retain.ts',
    from: 'if (plan.oldest !== undefined) break;',
    to: 'plan = { logStartOffset: plan.logStartOffset, bytes: 0 };',
  },
  {
    rule: 'a slice is as old as its youngest record',
    file: 'lib/maintenance/segmentObject.ts',
    from: 'Math.max(piece.maxTimestamp, header.maxTimestamp)',
    to: 'piece.maxTimestamp < 0 ? header.maxTimestamp : piece.maxTimestamp',
  },
  {
    rule: 'retention takes what is older',
    file: 'lib/maintenance/retain.ts',
    from: 'timeOf(slice) >= expiredBefore',
    to: 'timeOf(slice) >= 0',
  },
  {
    rule: 'retention takes nothing that is young',
    file: 'lib/maintenance/retain.ts',
    from: 'timeOf(slice) >= expiredBefore',
    to: 'timeOf(slice) > expiredBefore + 100',
  },
  {
    rule: 'retention.ms of -1 is for ever',
    file: 'lib/maintenance/retain.ts',
    from: 'retentionMs < 0 ? Number.NEGATIVE_INFINITY : now',
    to: 'now',
  },
  {
    rule: 'retention takes what is in the tail',
    file: 'lib/maintenance/retain.ts',
    from: 'if (!more) plan = planRetention(plan, placedSlices(head, partition), rule);',
    to: '',
  },
  {
    rule: 'retention passes nothing that it has not looked at',
    file: 'lib/maintenance/retain.ts',
    from: 'if (!more) plan = planRetention(plan, placedSlices(head, partition), rule);',
    to: 'plan = planRetention(plan, placedSlices(head, partition), rule);',
  },
  {
    rule: 'retention goes on where it had to stop',
    file: 'lib/maintenance/retain.ts',
    from: 'const nextDueAtMs = more ? now : expiresAt(plan.oldest, retentionMs);',
    to: 'const nextDueAtMs = expiresAt(plan.oldest, retentionMs);',
  },
  {
    rule: 'retention.bytes is kept, and not less',
    file: 'lib/maintenance/retain.ts',
    from: 'await keptFrom(index, head, partition, retentionBytes, limits)',
    to: 'await keptFrom(index, head, partition, retentionBytes / 2, limits)',
  },
  {
    rule: 'what is beyond retention.bytes goes',
    file: 'lib/maintenance/retain.ts',
    from: 'return kept.from;',
    to: 'return start;',
  },
];
