import type { Mutation } from '../mutations.ts';

export const topicsRules: readonly Mutation[] = [
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
  {
    rule: 'partitions are added to those that are counted',
    file: 'lib/topic/addPartitions.ts',
    from: "all: [stillLive(topic), { path: ['partitions'], is: '=', value: topic.partitions }],",
    to: 'all: [stillLive(topic)],',
  },
  {
    rule: 'a topic is deleted by its id',
    file: 'lib/topic/deleteTopic.ts',
    from: '    stillLive(topic),\n',
    to: "    { exists: ['id'] },\n",
  },
];
