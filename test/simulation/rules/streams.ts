import type { Mutation } from '../mutations.ts';

type Rule = Omit<Mutation, 'theme'>;

const rules: readonly Rule[] = [
  {
    rule: 'a step is appended when it is committed, not before',
    file: 'lib/streams/runtime/taskWork.ts',
    from: '    const next = await store.put(mine, {\n',
    to: '    await append(appends);\n    const next = await store.put(mine, {\n',
  },
  {
    rule: 'changes of state are of the step, and committed with it',
    file: 'lib/streams/runtime/taskWork.ts',
    from: '      const next = await commit(state, made, appends);\n',
    to: `      const isState = ({ topic }: StepAppend) => topic.endsWith('-changelog');
      await append(appends.filter(isState));
      const next = await commit(state, made, appends.filter((append) => !isState(append)));\n`,
  },
  {
    rule: 'the next position is of the commit',
    file: 'lib/streams/runtime/taskWork.ts',
    from: 'step: mine.step + 1, positions, topicIds',
    to: 'step: mine.step + 1, positions: mine.positions, topicIds',
  },
  {
    rule: 'a step that is found committed is applied before anything else',
    file: 'lib/streams/runtime/taskWork.ts',
    from: '    await append(await storedStep(context, state));\n',
    to: '',
  },
  {
    rule: 'a task at hand is of use only if nobody has committed a step since',
    file: 'lib/streams/runtime/taskRunner.ts',
    from: 'known?.step === taken.step && known.epoch === taken.epoch - 1',
    to: 'known !== undefined',
  },
  {
    rule: 'each lease has an epoch of its own',
    file: 'lib/streams/runtime/taskStore.ts',
    from: 'firstEpoch(clock) : seen.epoch + 1',
    to: 'firstEpoch(clock) : seen.epoch',
  },
  {
    rule: 'whoever has lost the lease commits nothing',
    file: 'lib/streams/runtime/taskStore.ts',
    from: "      { path: ['epoch'], is: '=', value: epoch },\n",
    to: '',
  },
  {
    rule: 'a step is committed behind the one before, once',
    file: 'lib/streams/runtime/taskStore.ts',
    from: "      { path: ['step'], is: '=', value: step },\n",
    to: '',
  },
  {
    rule: 'the epoch of a lease is that of its appends',
    file: 'lib/streams/runtime/application.ts',
    from: 'epoch: leaseEpoch % EPOCHS',
    to: 'epoch: 0',
  },
  {
    rule: 'what is appended again has its sequences again',
    file: 'lib/streams/runtime/planAppends.ts',
    from: 'sequences.set(place, sequence + recordCount);',
    to: 'sequences.set(place, sequence);',
  },
  {
    rule: 'what failed to be appended is not applied',
    file: 'lib/streams/runtime/applyStep.ts',
    from: '  if (failures.length > 0) throw failures[0];\n',
    to: '',
  },
  {
    rule: 'a position is behind what was processed, not behind what was read',
    file: 'lib/streams/runtime/inputs.ts',
    from: 'first.waiting[0]?.offset ?? first.readTo',
    to: 'first.readTo',
  },
  {
    rule: 'a step that may still be applied is no orphan',
    file: 'lib/streams/runtime/taskWork.ts',
    from: '    await storage.forget(mine);\n    if (!isAtLeastOnce)',
    to: '    await storage.forget(next);\n    if (!isAtLeastOnce)',
  },
  {
    rule: 'what a snapshot does not have is read from the changelog',
    file: 'lib/streams/runtime/writeSnapshot.ts',
    from: 'topicId: changelog.id, offset, parts',
    to: 'topicId: changelog.id, offset: offset + 1, parts',
  },
  {
    rule: 'a step that cannot be seen is waited for',
    file: 'lib/streams/runtime/storedStep.ts',
    from: `    if (stored === undefined)
      throw new StorageError(\`a step that was committed is not to be seen: \${blob}\`, 'no');\n`,
    to: '    if (stored === undefined) return [];\n',
  },
  {
    rule: 'nobody takes a task as it was before it was given back',
    file: 'lib/streams/runtime/taskWork.ts',
    from: 'const epoch = mine.epoch + 1;',
    to: 'const { epoch } = mine;',
  },
  {
    rule: 'a task whose last step is not known to be applied is taken, though nothing more comes',
    file: 'lib/streams/runtime/taskRunner.ts',
    from: 'return applied !== step || isWallClockDue',
    to: 'return isWallClockDue',
  },
  {
    rule: 'of a repartition topic only what was read is deleted',
    file: 'lib/streams/runtime/taskWork.ts',
    from: 'positionIn(state, topic) ?? 0)',
    to: '-1)',
  },
  {
    rule: 'of two that take a task in the same moment, one has it',
    file: 'lib/streams/runtime/taskStore.ts',
    from: 'there.holder === next.holder',
    to: 'there.untilMs === next.untilMs',
  },
  {
    rule: 'a record that breaks off leaves nothing half done',
    file: 'lib/streams/runtime/takeStep.ts',
    from: '    const made = await options.reopen();\n',
    to: '    const made = task;\n',
  },
  {
    rule: 'the times that processors have seen are committed with the step',
    file: 'lib/streams/runtime/taskWork.ts',
    from: 'topicIds, times: step.times },',
    to: 'topicIds, times: mine.times },',
  },
];

export const streamsRules: readonly Mutation[] = rules.map((rule) => ({ ...rule, theme: 'streams' }));
