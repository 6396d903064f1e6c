import type { Mutation } from '../mutations.ts';

type Rule = Omit<Mutation, 'theme'>;

const rules: readonly Rule[] = [
  {
    rule: 'who was home in an older epoch is so no more',
    file: 'lib/failover/epochItems.ts',
    from: 'if (!authority.holds(epoch) && (await authority.current()).epoch !== epoch) {',
    to: 'if (epoch < 0) {',
  },
  {
    rule: 'what was answered counts only if the epoch did when it was',
    file: 'lib/failover/epochItems.ts',
    from: "if (!authority.holds(epoch)) throw new StorageError('another region may be home by now', applied);",
    to: '',
  },
  {
    rule: 'what was said of who is home counts for as long as a lease',
    file: 'lib/failover/authority.ts',
    from: 'holds: (epoch) => known?.home.epoch === epoch && ageMs() < limits.leaseMs,',
    to: 'holds: (epoch) => known?.home.epoch === epoch,',
  },
  {
    rule: 'most regions say who is home',
    file: 'lib/failover/home.ts',
    from: 'return Math.floor(regions / 2) + 1;',
    to: 'return Math.min(regions, 1);',
  },
  {
    rule: 'a failover waits until nobody relies on the old home',
    file: 'lib/failover/failover.ts',
    from: '  await clock.sleep(limits.fenceMs, context.signal);\n',
    to: '',
  },
  {
    rule: 'nobody is home before the failover is through',
    file: 'lib/failover/authority.ts',
    from: 'if (!home.ready) throw',
    to: 'if (home.epoch < 0) throw',
  },
  {
    rule: 'each epoch has keys of its own',
    file: 'lib/failover/epochItems.ts',
    from: "return epoch === 1 ? ''",
    to: "return epoch > 0 ? ''",
  },
  {
    rule: 'offsets that the old home may have given are left out',
    file: 'lib/failover/failover.ts',
    from: 'isWhole ? 0 : limits.offsetGap',
    to: 'isWhole ? 0 : 0',
  },
  {
    rule: 'what is torn is mended',
    file: 'lib/failover/failover.ts',
    from: 'for (const each of await repairTopic(context, topic)) lost.push({ topic: topic.name, ...each });',
    to: 'if (epoch < 0) await repairTopic(context, topic);',
  },
  {
    rule: 'a roll waits until other regions have the rows',
    file: 'lib/log/roll.ts',
    from: '  await arrived?.(rows);\n',
    to: '',
  },
  {
    rule: 'a region that did not answer once is waited for',
    file: 'lib/failover/arrived.ts',
    from: 'return clock.now() - answeredAtMs.get(copy)! > limits.waitMs;',
    to: 'return answeredAtMs.has(copy);',
  },
  {
    rule: 'a new home begins when another region has what it begins with',
    file: 'lib/failover/failover.ts',
    from: '  await spread(clock, target.tables, rest, majorityOf(regions.length) - 1, epoch, limits);\n',
    to: '',
  },
  {
    rule: 'the copy is made of the region to which most was replicated',
    file: 'lib/failover/failover.ts',
    from: 'home ?? (await freshest(others, before.epoch, clock, limits))',
    to: 'home ?? (others.length === 0 ? await freshest(others, before.epoch, clock, limits) : target)',
  },
  {
    rule: 'a copy that is put late puts nothing where something is',
    file: 'lib/failover/adopt.ts',
    from: "whole ? undefined : { missing: ['pk'] }",
    to: "whole ? { missing: ['pk'] } : undefined",
  },
  {
    rule: 'a head that is put late does not take the place of one that was written to',
    file: 'lib/failover/repairTopic.ts',
    from: '        asCopied,\n',
    to: '        asCopied && undefined,\n',
  },
  {
    rule: 'two failovers never share an epoch',
    file: 'lib/failover/failover.ts',
    from: 'return applied || (item?.by === home.by && item?.ready === home.ready);',
    to: 'return applied || (item?.epoch === home.epoch && item.home === home.home && item.ready === home.ready);',
  },
  {
    rule: 'that a home has begun counts when most regions say so',
    file: 'lib/failover/authority.ts',
    from: 'agreed([...said.values()], regions.length) ?? (await spread(said))',
    to: 'latest([...said.values()])',
  },
  {
    rule: 'no home that has begun is passed over',
    file: 'lib/failover/failover.ts',
    from: 'await tellMost(context, next, isEarlier(epoch, before.epoch));',
    to: 'await tellMost(context, next, isEarlier(epoch, epoch));',
  },
  {
    rule: 'what a process remembers of an epoch is of no use in the next',
    file: 'lib/failover/homes.ts',
    from: 'if (opened?.epoch === home.epoch) return opened.it;',
    to: 'if (opened !== undefined) return opened.it;',
  },
];

export const failoverRules: readonly Mutation[] = rules.map((rule) => ({ ...rule, theme: 'failovers' }));
