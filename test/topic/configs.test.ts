import { CONFIG_NAMES, checkOverrides, parseConfigs, TOPIC_CONFIGS } from '../../lib/topic/configs.ts';

const refused = (name: string, value: string | null, message: RegExp) => {
  expect(() => checkOverrides({ [name]: value })).toThrow(
    expect.objectContaining({
      kafka: 'INVALID_CONFIG',
      field: name,
      message: expect.stringMatching(message),
    }),
  );
};

test('without overrides a topic has the defaults of Kafka', () => {
  expect(parseConfigs({})).toMatchObject({
    cleanupPolicy: ['delete'],
    compressionType: 'producer',
    deleteRetentionMs: 86_400_000,
    maxCompactionLagMs: 2 ** 63,
    maxMessageBytes: 1_048_588,
    messageTimestampAfterMaxMs: 3_600_000,
    messageTimestampType: 'CreateTime',
    minCleanableDirtyRatio: 0.5,
    minInsyncReplicas: 1,
    partitionsPerHead: 16,
    retentionBytes: -1,
    retentionMs: 604_800_000,
    segmentBytes: 1_073_741_824,
    uncleanLeaderElectionEnable: false,
  });
});

test('an override takes the place of its default, without the spaces around it', () => {
  const overrides = checkOverrides({ 'retention.ms': ' -1 ', preallocate: 'TRUE' });
  expect(overrides).toEqual({ 'retention.ms': '-1', preallocate: 'TRUE' });
  expect(parseConfigs(overrides)).toMatchObject({ retentionMs: -1, preallocate: true, retentionBytes: -1 });
});

test.each(['compact', 'delete', 'compact,delete', 'delete, compact'])(
  'cleanup.policy may be %j',
  (policy) => {
    const { cleanupPolicy } = parseConfigs(checkOverrides({ 'cleanup.policy': policy }));
    expect([...cleanupPolicy].sort()).toEqual(policy.split(/, ?/).sort());
  },
);

test.each(['', ',', 'compact,', 'compact,compact', 'keep', 'delete,compact,keep'])(
  'cleanup.policy cannot be %j',
  (policy) => refused('cleanup.policy', policy, /must be a comma-separated list of: compact, delete$/),
);

test.each([
  [
    'retention.ms',
    '-2',
    /^Invalid value -2 for configuration retention.ms: must be a whole number from -1 to 9223372036854775807$/,
  ],
  ['retention.ms', '9223372036854775808', /must be a whole number/],
  ['retention.ms', '1.5', /must be a whole number/],
  ['retention.ms', '1e3', /must be a whole number/],
  ['retention.ms', '', /must be a whole number/],
  ['segment.bytes', '2147483648', /from 1048576 to 2147483647$/],
  ['max.message.bytes', '4194305', /from 0 to 4194304$/],
  ['max.message.bytes', '-1', /from 0 to 4194304$/],
  ['partitions.per.head', '17', /from 1 to 16$/],
  ['partitions.per.head', '0', /from 1 to 16$/],
  ['min.cleanable.dirty.ratio', '1.01', /must be a number from 0 to 1$/],
  ['min.cleanable.dirty.ratio', '', /must be a number from 0 to 1$/],
  ['compression.type', 'none', /must be one of: producer, uncompressed, gzip, snappy, lz4, zstd$/],
  ['compression.type', 'constructor', /must be one of/],
  ['preallocate', 'yes', /must be true or false$/],
  ['preallocate', 'constructor', /must be true or false$/],
  ['retention.ms', null, /^Null value not supported for topic configs: retention.ms$/],
  ['retention.hours', '1', /^Unknown topic config name: retention.hours$/],
  ['constructor', '1', /^Unknown topic config name: constructor$/],
])('%s cannot be %j', (name, value, message) => refused(name, value, message));

test('the shortest compaction lag cannot be above the longest', () => {
  expect(() => checkOverrides({ 'min.compaction.lag.ms': '2', 'max.compaction.lag.ms': '1' })).toThrow(
    'min.compaction.lag.ms (2) must not be above max.compaction.lag.ms (1)',
  );
});

test('the ends of each range are allowed and what lies beyond is not', () => {
  let ranges = 0;
  for (const name of CONFIG_NAMES) {
    const { allowed, parse } = TOPIC_CONFIGS[name];
    const [, min, max] = allowed.match(/^a whole number from (-?\d+) to (\d+)$/) ?? [];
    if (min === undefined || max === undefined) continue;
    ranges++;
    expect([name, parse(min), parse(max)]).toEqual([name, Number(min), Number(max)]);
    expect([name, parse(`${BigInt(min) - 1n}`), parse(`${BigInt(max) + 1n}`)]).toEqual([
      name,
      undefined,
      undefined,
    ]);
  }
  expect(ranges).toBeGreaterThan(20);
});
