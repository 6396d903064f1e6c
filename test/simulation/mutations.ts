import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

/**
 * One rule of the log taken away, by a change of one place in its code. A simulation that does not notice has a hole.
 * `from` is found exactly once in the file.
 */
export interface Mutation {
  readonly rule: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const root = new URL('../../', import.meta.url);

export const MUTATIONS: readonly Mutation[] = [
  // ------------------------------------------------------------ append
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
    from: '      await upload;\n',
    to: '      upload.catch(() => undefined);\n',
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
    rule: 'a slice is told from others of its blob by its position',
    file: 'lib/log/findLanded.ts',
    from: 'a.position === b.position && ',
    to: '',
  },
  {
    rule: 'an index with a gap tells nothing of an entry',
    file: 'lib/log/findLanded.ts',
    from: 'if (row.baseOffset !== next) throw undecided();',
    to: '',
  },
  {
    rule: 'an index that ends early tells nothing of an entry',
    file: 'lib/log/findLanded.ts',
    from: 'if (page === limits.searches || rows.length === 0) throw undecided();',
    to: 'if (page === limits.searches || rows.length === 0) return undefined;',
  },

  // ------------------------------------------------------------ idempotent producers
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
    from: 'if (exhausted && !gap) throw',
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

  // ------------------------------------------------------------ roll
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

  // ------------------------------------------------------------ read
  {
    rule: 'a fetch reads the head as it stands',
    file: 'lib/log/fetch.ts',
    from: 'const head = await heads.read(topic, headIndex);',
    to: 'const head = heads.cached(topic, headIndex) ?? (await heads.read(topic, headIndex));',
  },
  {
    rule: 'the bounds are those of the head as it stands',
    file: 'lib/log/createLog.ts',
    from: 'const head = await heads.read(topic, headIndexOf(topic, partition)).catch(rethrow);',
    to: 'const index = headIndexOf(topic, partition);\n      const head = heads.cached(topic, index) ?? (await heads.read(topic, index).catch(rethrow));',
  },
  {
    rule: 'records below the log start are out of range',
    file: 'lib/log/fetch.ts',
    from: 'if (offset < start || offset > end)',
    to: 'if (offset > end)',
  },
  {
    rule: 'a lookup by time finds nothing below the log start',
    file: 'lib/log/listOffsets.ts',
    from: 'if (record.offset < startOffset || ',
    to: 'if (',
  },
  {
    rule: 'the high watermark covers all that is read',
    file: 'lib/log/fetch.ts',
    from: 'Math.max(end, answer.nextOffset)',
    to: 'end',
  },

  // ------------------------------------------------------------ delete records, garbage
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
    file: 'lib/maintenance/collectGarbage.ts',
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
    from: 'for (const { slices } of rows) strikeOut(candidates, head, slices);',
    to: '',
  },
  {
    rule: 'the row that the log start is in counts',
    file: 'lib/maintenance/collectGarbage.ts',
    from: 'if (rows[0]?.baseOffset === offset) return reach(rows, offset);',
    to: 'if (rows.length > 0) return { rows, end: rows.at(-1)!.endOffset };',
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
    from: 'if (offset < firstOffsetInHead(head, partition)) return { partition, offset };',
    to: 'if (offset < firstOffsetInHead(head, partition) - 4) return { partition, offset };',
  },

  // ------------------------------------------------------------ topics
  {
    rule: 'a head is made once',
    file: 'lib/log/createLog.ts',
    from: "items.put(newHead(topic, index), { missing: ['pk'] })",
    to: 'items.put(newHead(topic, index))',
  },
  {
    rule: 'a deleted head leaves a mark',
    file: 'lib/log/createLog.ts',
    from: 'items.put(deletedHead(topic.id, index, clock.now()))',
    to: 'items.delete(headKey(topic.id, index))',
  },
  {
    rule: 'a name is given once',
    file: 'lib/topic/createTopic.ts',
    from: 'store.metadata.put(newTopicItem(topic), free)',
    to: 'store.metadata.put(newTopicItem(topic))',
  },
  {
    rule: 'a deleted topic leaves a mark',
    file: 'lib/topic/deleteTopic.ts',
    from: 'store.metadata.put(freeNameItem(topic), {',
    to: 'store.metadata.delete(topicKey(topic.name), {',
  },
  {
    rule: 'a name is given as it was found',
    file: 'lib/topic/createTopic.ts',
    from: 'return stillFree(freeNameItem(holder));',
    to: "return { missing: ['id'] };",
  },
  {
    rule: 'partitions have their head before they are counted',
    file: 'lib/topic/addPartitions.ts',
    from: 'await store.log.createHeads(larger, topic.partitions, partitions);',
    to: 'const heads = store.log.createHeads(larger, topic.partitions, partitions);\n  heads.catch(() => undefined);',
  },
];

/** From here on this thread loads the mutated code. Call it before the code is imported. */
export function mutate({ file, from, to }: Mutation): void {
  const target = new URL(file, root).href;
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context);
      if (url !== target) return loaded;
      return { ...loaded, source: replaceOnce(String(loaded.source), from, to) };
    },
  });
}

/** Mutations that do not apply any more, since the code has changed. */
export function staleMutations(): string[] {
  const texts = new Map<string, string>();
  return MUTATIONS.flatMap(({ rule, file, from, to }) => {
    const text = texts.get(file) ?? readFileSync(new URL(file, root), 'utf8');
    texts.set(file, text);
    try {
      replaceOnce(text, from, to);
      return [];
    } catch (error) {
      return [`${rule}: ${file}: ${(error as Error).message}`];
    }
  });
}

function replaceOnce(text: string, from: string, to: string): string {
  const parts = text.split(from);
  if (parts.length !== 2) throw new Error(`found ${parts.length - 1} times instead of once: ${from}`);
  return parts.join(to);
}
