import type { Mutation } from '../mutations.ts';

export const appendRules: readonly Mutation[] = [
  {
    rule: 'the fence refuses latecomers',
    file: 'lib/log/plan.ts',
    from: "{ path: ['fence'], is: '<', value: at },",
    to: '',
  },
  {
    rule: 'the floor refuses blobs that may be deleted',
    file: 'lib/log/plan.ts',
    from: "{ path: ['floor'], is: '<', value: uploadedAt(blob.id) },",
    to: '',
  },
  {
    rule: 'an entry that is in the tail is not appended again',
    file: 'lib/log/plan.ts',
    from: "{ not: { path: ['tail'], contains: stored } },",
    to: '',
  },
  {
    rule: "a producer's state is what it was when its batches were judged",
    file: 'lib/log/plan.ts',
    from: '...unchanged,',
    to: '',
  },
  {
    rule: 'a producer that the head does not hold was not put aside meanwhile',
    file: 'lib/log/plan.ts',
    from: '...evicted,\n',
    to: '\n',
  },
  {
    rule: 'the state of a producer that was put aside counts only while evictions stand',
    file: 'lib/log/plan.ts',
    from: 'evicted.evictions !== head.evictions || ',
    to: '',
  },
  {
    rule: 'a duplicate is looked up in a head that is younger than the state that tells of it',
    file: 'lib/log/commit.ts',
    from: 'current = false;',
    to: '',
  },
  {
    rule: 'data is written before it is ordered',
    file: 'lib/log/appender.ts',
    from: 'const prepared = upload.then(async (stored) => noted.then(() => stored));',
    to: `upload.catch(() => undefined);
      const prepared = Promise.resolve<StoredBlob>({ ref: blob, cover: async () => undefined });`,
  },
  {
    rule: 'an append is acknowledged after the update',
    file: 'lib/log/commit.ts',
    from: 'const sent = await send(context, topic, head, plan, plan.stored);',
    to: `const endOf = (partition: number) => head.tail.flatMap(({ slices }) => slices)
        .reduce((end, slice) => end + (slice.partition === partition ? slice.recordCount : 0), head.base[partition - head.firstPartition]!.offset);
      const guess = plan.slices.map((slice) => ({ ...slice, baseOffset: endOf(slice.partition) }));
      send(context, topic, head, plan, plan.stored).catch(() => undefined);
      const sent: Awaited<ReturnType<typeof send>> = { head, landed: guess };`,
  },
  {
    rule: 'an entry that was refused may have landed before',
    file: 'lib/log/commit.ts',
    from: 'const landed = findEntry(head, stored);',
    to: 'const landed = outcome.applied ? findEntry(head, stored) : undefined;',
  },
  {
    rule: 'an entry that the fence refused may have been rolled into the index',
    file: 'lib/log/commit.ts',
    from: 'return { landed: await findEntryInIndex(context, seen, head, plan.slices), head };',
    to: 'return { landed: undefined, head };',
  },
  {
    rule: 'an append that nobody answered may have landed',
    file: 'lib/log/commit.ts',
    from: "throw new WadiError('REQUEST_TIMED_OUT', 'It is not known whether the records were appended.', {",
    to: "throw new WadiError('INVALID_REQUEST', 'mutated', {",
  },
  {
    rule: 'an entry is newer than the fence that its head shows',
    file: 'lib/log/head.ts',
    from: 'Math.max(now, head.fence + 1, uploadedAt(blobId))',
    to: 'Math.max(now, uploadedAt(blobId))',
  },
  {
    rule: 'an entry is not older than its blob',
    file: 'lib/log/head.ts',
    from: 'Math.max(now, head.fence + 1, uploadedAt(blobId))',
    to: 'Math.max(now, head.fence + 1)',
  },
  {
    rule: 'a blob that was uploaded at the floor is too old',
    file: 'lib/log/plan.ts',
    from: "{ path: ['floor'], is: '<', value: uploadedAt(blob.id) },",
    to: "{ path: ['floor'], is: '<=', value: uploadedAt(blob.id) },",
  },
  {
    rule: 'blobs are committed in the order in which they were made',
    file: 'lib/log/appender.ts',
    from: '(lastCommit.get(key) ?? Promise.resolve()).then(work)',
    to: 'work()',
  },
  {
    rule: 'an upload that failed is over',
    file: 'lib/log/appender.ts',
    from: `.finally(() => {
        gathering.uploads--;
        schedule(gathering);
        if (gathering.uploads === 0 && gathering.waiting.length === 0) gatherings.delete(key);
      });`,
    to: `.then((stored) => {
        gathering.uploads--;
        schedule(gathering);
        return stored;
      });`,
  },
  {
    rule: 'slices that a merge has copied tell nothing of an entry',
    file: 'lib/log/findLanded.ts',
    from: 'if (next < end || copied || ',
    to: 'if (next < end || ',
  },
];
