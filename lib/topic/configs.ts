import { WadiError } from '../errors.ts';
import { type ConfigDefinition, flag, LONG_MAX, listOf, oneOf, ratio, whole } from './configTypes.ts';

/** Every key a topic may set. */
export const TOPIC_CONFIGS = {
  'cleanup.policy': listOf(['compact', 'delete'], {
    default: 'delete',
    effect: 'now',
    doc: 'What becomes of old records: deleted by retention, compacted to the last record of each key, or both.',
  }),
  'compression.gzip.level': whole('INT', {
    min: -1,
    max: 9,
    default: '-1',
    effect: 'none',
    doc: 'The codec always runs at its default level.',
  }),
  'compression.lz4.level': whole('INT', {
    min: 1,
    max: 17,
    default: '9',
    effect: 'none',
    doc: 'The codec always runs at its default level.',
  }),
  'compression.type': oneOf(['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'], {
    default: 'producer',
    effect: 'now',
    doc: "How record batches are stored; 'producer' keeps them as they were sent.",
  }),
  'compression.zstd.level': whole('INT', {
    min: -131072,
    max: 22,
    default: '3',
    effect: 'none',
    doc: 'The codec always runs at its default level.',
  }),
  'delete.retention.ms': whole('LONG', {
    min: 0,
    default: '86400000',
    effect: 'now',
    doc: 'How long compaction keeps a tombstone.',
  }),
  'file.delete.delay.ms': whole('LONG', {
    min: 0,
    default: '60000',
    effect: 'none',
    doc: 'No files on a broker.',
  }),
  'flush.messages': whole('LONG', {
    min: 1,
    default: String(LONG_MAX),
    effect: 'none',
    doc: 'Every acknowledged record is durable.',
  }),
  'flush.ms': whole('LONG', {
    min: 0,
    default: String(LONG_MAX),
    effect: 'none',
    doc: 'Every acknowledged record is durable.',
  }),
  'index.interval.bytes': whole('INT', {
    min: 0,
    default: '4096',
    effect: 'none',
    doc: 'Every slice of a partition is indexed.',
  }),
  'local.retention.bytes': whole('LONG', {
    min: -2,
    default: '-2',
    effect: 'none',
    doc: 'There is one tier only, the object store.',
  }),
  'local.retention.ms': whole('LONG', {
    min: -2,
    default: '-2',
    effect: 'none',
    doc: 'There is one tier only, the object store.',
  }),
  'max.compaction.lag.ms': whole('LONG', {
    min: 1,
    default: String(LONG_MAX),
    effect: 'now',
    doc: 'The longest a record stays out of reach of compaction.',
  }),
  'max.message.bytes': whole('INT', {
    min: 0,
    max: 4 * 1024 * 1024,
    default: '1048588',
    effect: 'now',
    doc: 'The largest record batch, as stored. At most 4 MiB here: a batch must fit in one Lambda request.',
  }),
  'message.timestamp.after.max.ms': whole('LONG', {
    min: 0,
    default: '3600000',
    effect: 'now',
    doc: 'How far ahead of the clock a CreateTime timestamp may be.',
  }),
  'message.timestamp.before.max.ms': whole('LONG', {
    min: 0,
    default: String(LONG_MAX),
    effect: 'now',
    doc: 'How far behind the clock a CreateTime timestamp may be.',
  }),
  'message.timestamp.type': oneOf(['CreateTime', 'LogAppendTime'], {
    default: 'CreateTime',
    effect: 'now',
    doc: "Whether a record carries the producer's time or that of its append.",
  }),
  'min.cleanable.dirty.ratio': ratio({
    default: '0.5',
    effect: 'now',
    doc: 'How much of a log must be uncompacted before compaction runs.',
  }),
  'min.compaction.lag.ms': whole('LONG', {
    min: 0,
    default: '0',
    effect: 'now',
    doc: 'The shortest time a record stays uncompacted.',
  }),
  'min.insync.replicas': whole('INT', {
    min: 1,
    default: '1',
    effect: 'now',
    doc: 'How many regions must be in sync for acks=all to append; a topic of three replicas is created with 2. More than it has replicas refuses acks=all. In a cluster of one region it has no effect: S3 and DynamoDB keep copies in three zones.',
  }),
  'partitions.per.head': whole('INT', {
    min: 1,
    max: 16,
    default: '16',
    effect: 'now',
    doc: "Wadi's own: how many partitions share one DynamoDB item that orders them. Fewer means more commits a second, more means fewer requests for a write that touches many partitions. Fixed when the topic is created.",
  }),
  preallocate: flag({ default: 'false', effect: 'none', doc: 'No files on a broker.' }),
  'remote.log.copy.disable': flag({
    default: 'false',
    effect: 'none',
    doc: 'There is one tier only, the object store.',
  }),
  'remote.log.delete.on.disable': flag({
    default: 'false',
    effect: 'none',
    doc: 'There is one tier only, the object store.',
  }),
  'remote.storage.enable': flag({
    default: 'false',
    effect: 'none',
    doc: 'There is one tier only, the object store.',
  }),
  'retention.bytes': whole('LONG', {
    min: -1,
    default: '-1',
    effect: 'now',
    doc: 'How much a partition keeps; -1 is without limit.',
  }),
  'retention.ms': whole('LONG', {
    min: -1,
    default: '604800000',
    effect: 'now',
    doc: 'How long a record is kept; -1 is for ever.',
  }),
  'segment.bytes': whole('INT', {
    min: 1048576,
    default: '1073741824',
    effect: 'now',
    doc: 'The largest object that merging or compaction makes, unless one append is larger. A segment takes no more either, but that what left a head at once, up to 200 appends, stays in one.',
  }),
  'segment.index.bytes': whole('INT', {
    min: 4,
    default: '10485760',
    effect: 'none',
    doc: 'The index is in DynamoDB.',
  }),
  'segment.jitter.ms': whole('LONG', {
    min: 0,
    default: '0',
    effect: 'none',
    doc: 'Segments of many partitions are not rolled by one broker.',
  }),
  'segment.ms': whole('LONG', {
    min: 1,
    default: '604800000',
    effect: 'none',
    doc: 'No record waits for its segment to be closed: records are deleted and compacted in one that still grows, too.',
  }),
  'unclean.leader.election.enable': flag({
    default: 'false',
    effect: 'none',
    doc: 'Partitions have no leader.',
  }),
} as const satisfies Record<string, ConfigDefinition<unknown>>;

export type ConfigName = keyof typeof TOPIC_CONFIGS;

type CamelCase<Name extends string> = Name extends `${infer First}.${infer Rest}`
  ? `${First}${Capitalize<CamelCase<Rest>>}`
  : Name;

/** Every config of a topic, typed; `retention.ms` is `retentionMs`. */
export type TopicConfigs = {
  readonly [Name in ConfigName as CamelCase<Name>]: (typeof TOPIC_CONFIGS)[Name] extends ConfigDefinition<
    infer T
  >
    ? T
    : never;
};

export type ConfigOverrides = Readonly<Partial<Record<ConfigName, string>>>;

export const CONFIG_NAMES = Object.keys(TOPIC_CONFIGS) as ConfigName[];

const DEFAULTS = typed(CONFIG_NAMES.map((name) => [name, TOPIC_CONFIGS[name].default]));

/** Throws INVALID_CONFIG for a key that no topic has. */
export function checkConfigName(name: string): asserts name is ConfigName {
  if (!Object.hasOwn(TOPIC_CONFIGS, name))
    throw invalidConfig(name, `Unknown topic config name: ${name.slice(0, 100)}`);
}

/** The overrides as they are to be stored. Throws INVALID_CONFIG, whose `field` is the key that is wrong. */
export function checkOverrides(overrides: Readonly<Record<string, string | null>>): ConfigOverrides {
  const checked: Partial<Record<ConfigName, string>> = {};
  for (const [name, text] of Object.entries(overrides)) {
    checkConfigName(name);
    if (text === null) throw invalidConfig(name, `Null value not supported for topic configs: ${name}`);
    checked[name] = text.trim();
  }
  const { minCompactionLagMs, maxCompactionLagMs } = parseConfigs(checked);
  if (minCompactionLagMs > maxCompactionLagMs) {
    throw invalidConfig(
      'min.compaction.lag.ms',
      `min.compaction.lag.ms (${minCompactionLagMs}) must not be above max.compaction.lag.ms (${maxCompactionLagMs})`,
    );
  }
  return checked;
}

/** Every config, the defaults filled in. Throws INVALID_CONFIG for a value that is not allowed. */
export function parseConfigs(overrides: ConfigOverrides): TopicConfigs {
  return { ...DEFAULTS, ...typed(Object.entries(overrides) as [ConfigName, string][]) };
}

function typed(values: readonly (readonly [ConfigName, string])[]): TopicConfigs {
  const entries = values.map(([name, text]) => {
    const { parse, allowed } = TOPIC_CONFIGS[name];
    const value = parse(text);
    if (value === undefined) {
      throw invalidConfig(
        name,
        `Invalid value ${text.slice(0, 100)} for configuration ${name}: must be ${allowed}`,
      );
    }
    return [name.replace(/\.(.)/g, (_, letter: string) => letter.toUpperCase()), value];
  });
  return Object.fromEntries(entries) as TopicConfigs;
}

function invalidConfig(name: string, message: string): WadiError {
  return new WadiError('INVALID_CONFIG', message, { field: name });
}
