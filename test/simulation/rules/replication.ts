import type { Mutation } from '../mutations.ts';

type Rule = Omit<Mutation, 'theme'>;

const rules: readonly Rule[] = [
  {
    rule: 'a head refuses what was uploaded as of an older epoch than it asks for',
    file: 'lib/log/plan.ts',
    from: '...(inSyncEpoch === undefined ? [] : [knowsEnough(inSyncEpoch)]),',
    to: '',
  },
  {
    rule: 'heads are raised when a region joins',
    file: 'lib/replication/raiseHeads.ts',
    from: 'items.update(headKey(topic.id, index), actions, condition)',
    to: "items.update(headKey(topic.id, index), actions, { all: [condition, { exists: ['never'] }] })",
  },
  {
    rule: 'a region is in sync when it has what the others have',
    file: 'lib/replication/rejoin.ts',
    from: '    const comparedSince = cursor.comparedSince ?? epoch;\n',
    to: `    const comparedSince = cursor.comparedSince ?? epoch;
    if (standing.state === 'joining')
      await membership.change((inSync, now) => completeJoin(inSync, region.name, standing.sinceEpoch, now));
`,
  },
  {
    rule: 'what is appended goes to regions that join, too',
    file: 'lib/replication/inSync.ts',
    from: "return names.filter((name) => stateOf(inSync, name) !== 'out');",
    to: "return names.filter((name) => stateOf(inSync, name) === 'in-sync');",
  },
  {
    rule: 'whoever meets a head for the first time looks anew who is in sync',
    file: 'lib/replication/membership.ts',
    from: 'if (met.get(pk) !== undefined) {',
    to: "if (pk !== '') {",
  },
  {
    rule: 'who is in sync is changed on the condition of its epoch',
    file: 'lib/replication/membership.ts',
    from: "items.put(inSyncItem(wanted), { path: ['epoch'], is: '=', value: seen.epoch })",
    to: 'items.put(inSyncItem(wanted))',
  },
  {
    rule: 'what one region does not have is not gone while another does not answer',
    file: 'lib/replication/objects.ts',
    from: 'if (failure !== undefined) throw failure;',
    to: '',
  },
  {
    rule: 'garbage goes from all regions',
    file: 'lib/replication/objects.ts',
    from: 'await Promise.all(asked.map(({ objects }) => objects.delete(keys)));',
    to: 'await asked[0]!.objects.delete(keys);',
  },
  {
    rule: 'what is merged goes to all regions',
    file: 'lib/replication/replication.ts',
    from: 'await place(context, { key, chunks, replicas, atLeast: minInsyncReplicas }).coverForGood();',
    to: 'if (replicas.length + minInsyncReplicas > 0) await local.objects.put(key, chunks);',
  },
  {
    rule: 'what is merged is in regions that have joined during its upload',
    file: 'lib/replication/placement.ts',
    from: '      await cover(membership.refresh);\n',
    to: '',
  },
  {
    rule: 'nothing is ordered before all uploads are done',
    file: 'lib/replication/placement.ts',
    from: 'if (await putInTime(context, upload, region)) has.add(region.name);',
    to: `has.add(region.name);
            const under = putInTime(context, upload, region).catch(() => false);
            if (has.size === 1 ? await under : true) has.add(region.name);`,
  },
  {
    rule: 'heads are raised before a region is compared with the others',
    file: 'lib/replication/rejoin.ts',
    from: '        await raiseHeads(items, clock, topic, standing.sinceEpoch, limits.headsAtOnce);\n',
    to: `        void clock
          .sleep(limits.rejoinMs)
          .then(() => raiseHeads(items, clock, topic, standing.sinceEpoch, limits.headsAtOnce))
          .catch(() => undefined);
`,
  },
  {
    rule: 'a region is in sync if it was compared with one that was',
    file: 'lib/replication/rejoin.ts',
    from: 'shared.every((others) => isGiven(inSync, others, comparedSince))',
    to: 'shared.every((others) => isGiven(inSync, others, comparedSince) || others)',
  },
  {
    rule: 'a region that has left while it joined is not in sync',
    file: 'lib/replication/inSync.ts',
    from: "if (standing?.state !== 'joining' || standing.sinceEpoch !== sinceEpoch) return undefined;",
    to: "if (standing?.state === 'in-sync') return undefined;",
  },
  {
    rule: 'the last region in sync is not put out',
    file: 'lib/replication/inSync.ts',
    from: 'if (leaving.length === 0 || inSyncOf(inSync, left).length === 0) return undefined;',
    to: 'if (leaving.length === 0) return undefined;',
  },
  {
    rule: 'a region that does not take an upload is put out before the append goes on',
    file: 'lib/replication/placement.ts',
    from: 'if (failed.length > 0 && has.size > 0) await putOut(context, failed);',
    to: 'if (failed.length > 0 && has.size > 0) return inSync.epoch;',
  },
  {
    rule: 'with too few regions in sync nothing is appended',
    file: 'lib/replication/placement.ts',
    from: 'const isEnough = (inSync: InSync) => inSyncOf(inSync, replicas).length >= atLeast;',
    to: 'const isEnough = (inSync: InSync) => inSyncOf(inSync, replicas).length >= Math.min(1, atLeast);',
  },
  {
    rule: 'nobody is refused by what was so before',
    file: 'lib/replication/placement.ts',
    from: 'const now = await membership.refresh();\n  if',
    to: 'const now = seen;\n  if',
  },
  {
    rule: 'bytes go to each region once',
    file: 'lib/replication/placement.ts',
    from: 'const lacking = required(inSync, replicas).filter((name) => !has.has(name));\n      if (lacking.length === 0) return inSync.epoch;',
    to: 'const lacking = required(inSync, replicas).filter((name) => round === 0 || !has.has(name));\n      if (lacking.length === 0) return inSync.epoch;',
  },
  {
    rule: 'a region that is out is looked at again',
    file: 'lib/replication/rejoin.ts',
    from: 'if (standing === undefined) {',
    to: "if (standing === undefined || standing.state === 'joining') {",
  },
  {
    rule: 'a scrub brings what the bucket did not copy',
    file: 'lib/replication/rejoin.ts',
    from: "if (standing.state === 'in-sync' && !scrub) continue;",
    to: "if (standing.state === 'in-sync') continue;",
  },
];

export const replicationRules: readonly Mutation[] = rules.map((rule) => ({ ...rule, theme: 'regions' }));
