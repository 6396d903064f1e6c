import { WadiError } from '../errors.ts';
import { headDueAt } from '../log/due.ts';
import {
  type ConfigName,
  type ConfigOverrides,
  checkConfigName,
  checkOverrides,
  parseConfigs,
} from './configs.ts';
import { afterWrite, readTopic } from './readTopic.ts';
import type { ConfigChange, TopicStore } from './topic.ts';
import { type StoredTopic, stillLive, topicKey } from './topicItem.ts';

const ATTEMPTS = 10;

/** Maintenance goes by them. */
const MAINTAINED: readonly string[] = [
  'cleanup.policy',
  'delete.retention.ms',
  'max.compaction.lag.ms',
  'min.cleanable.dirty.ratio',
  'min.compaction.lag.ms',
  'retention.bytes',
  'retention.ms',
  'segment.bytes',
] satisfies ConfigName[];

/**
 * All changes or none. A change made by another at the same time is kept unless it is of the same key.
 *
 * That maintenance has to look at the topic is noted before each attempt, so that no change goes unnoticed whose maker dies behind
 * it; and for some minutes later, so that nobody looks, and is done, before the change is there.
 */
export async function alterConfigs(
  store: TopicStore,
  name: string,
  changes: readonly ConfigChange[],
  validateOnly: boolean,
): Promise<void> {
  checkChanges(changes);
  const isMaintained = changes.some((change) => MAINTAINED.includes(change.name));
  let topic = await readTopic(store.metadata, name);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const overrides = applyChanges(topic, changes);
    if (validateOnly) return;
    if (isMaintained) await store.log.schedule(topic, 'configs', headDueAt(store.clock.now()));
    const { configsVersion } = topic;
    const { applied, item } = await store.metadata.update(
      topicKey(name),
      [
        { set: ['overrides'], to: overrides },
        { set: ['configsVersion'], to: configsVersion + 1 },
      ],
      { all: [stillLive(topic), { path: ['configsVersion'], is: '=', value: configsVersion }] },
    );
    if (applied) return;
    topic = afterWrite(topic, item);
  }
  throw new WadiError('REQUEST_TIMED_OUT', `Others keep changing the configs of topic '${name}'; try again.`);
}

function checkChanges(changes: readonly ConfigChange[]): void {
  const names = new Set<string>();
  for (const { name } of changes) {
    checkConfigName(name);
    if (names.has(name)) {
      throw new WadiError('INVALID_REQUEST', `Config ${name} is given more than once.`, { field: name });
    }
    names.add(name);
  }
}

function applyChanges(topic: StoredTopic, changes: readonly ConfigChange[]): ConfigOverrides {
  const overrides: Record<string, string> = { ...topic.overrides };
  for (const { name, value } of changes) {
    if (value === null) delete overrides[name];
    else overrides[name] = value;
  }
  const checked = checkOverrides(overrides);
  if (parseConfigs(checked).partitionsPerHead !== topic.partitionsPerHead) {
    throw new WadiError(
      'INVALID_CONFIG',
      `partitions.per.head is fixed when a topic is created; that of '${topic.name}' is ${topic.partitionsPerHead}`,
      { field: 'partitions.per.head' },
    );
  }
  return checked;
}
