import { type LocalCluster, startLocalCluster } from '../../lib/local/cluster.ts';
import { encodeBatch } from '../../lib/record/encode.ts';
import { Serdes, StreamsBuilder, timeWindows } from '../../lib/streams/index.ts';
import { runApplication } from '../support/streams.ts';
import { run } from './support.ts';

const { string } = Serdes;
let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await startLocalCluster();
  const { wadi } = cluster;
  const topic = await wadi.topics.create({ name: 'clicks', partitions: 1 });
  const times = [0, 1_000, 61_000, 1_000];
  const records = ['a', 'a', 'a', 'b'].map((key, i) => {
    return { key: Buffer.from(key), value: Buffer.from(`v${i}`), timestamp: times[i]!, headers: [] };
  });
  const bytes = encodeBatch(records);
  const batch = { bytes, recordCount: records.length, maxTimestamp: 61_000, producer: undefined };
  const [result] = await wadi.log.append(topic, [{ partition: 0, batches: [batch] }]);
  if (!result!.ok) throw result!.error;
  const builder = new StreamsBuilder();
  const input = builder.stream('clicks', { keySerde: string, valueSerde: string });
  input.toTable({ storeName: 'last' });
  const windows = timeWindows({ sizeMs: 60_000, graceMs: 3_600_000 });
  input.groupByKey().windowedBy(windows).count({ storeName: 'per-minute' });
  await runApplication(wadi, { applicationId: 'app', topology: builder.build() });
});
afterAll(() => cluster.close());

async function lines(...args: string[]): Promise<string[]> {
  const { code, out, err } = await run(cluster.url, ['streams', 'get', 'app', ...args]);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return out.toString().trimEnd().split('\n');
}

const [FIRST, SECOND, THIRD] = [0, 60_000, 120_000].map((ms) => new Date(ms).toISOString());

test.each<[args: string, told: string[]]>([
  ['last a', ['v2']],
  ['last', ['a\tv2', 'b\tv3']],
  ['last --reverse --max-records 1', ['b\tv3']],
  ['last --from-key b', ['b\tv3']],
  ['last --prefix a', ['a\tv2']],
  ['per-minute a', [`${FIRST}\t${SECOND}\ta\t2`, `${SECOND}\t${THIRD}\ta\t1`]],
  ['per-minute a --max-records 1', [`${SECOND}\t${THIRD}\ta\t1`]],
  ['per-minute --to-time 59999', [`${FIRST}\t${SECOND}\ta\t2`, `${FIRST}\t${SECOND}\tb\t1`]],
  ['per-minute --from-time 1970-01-01T00:01:00Z', [`${SECOND}\t${THIRD}\ta\t1`]],
])('get app %s tells what is in the store', async (args, told) => {
  expect(await lines(...args.split(' '))).toEqual(told);
});

test('what the API says is printed as JSON, a line each', async () => {
  const rows = (await lines('last', '--json')).map((line) => JSON.parse(line));
  expect(rows.map(({ key, value, timestamp_ms }) => [key, value, timestamp_ms])).toEqual([
    ['a', 'v2', 61_000],
    ['b', 'v3', 1_000],
  ]);
  const [key] = await lines('per-minute', 'a', '--json');
  expect(JSON.parse(key!)).toMatchObject({
    key: 'a',
    partition_id: 0,
    windows: [{ value: 2 }, { value: 1 }],
  });
});

test('more rows than an answer has are printed, page after page', async () => {
  const { wadi } = cluster;
  const topic = await wadi.topics.create({ name: 'many', partitions: 1 });
  const records = Array.from({ length: 2_500 }, (_, i) => {
    return { key: Buffer.from(`k${i}`), value: Buffer.from('x'), timestamp: 0, headers: [] };
  });
  const batch = { bytes: encodeBatch(records), recordCount: 2_500, maxTimestamp: 0, producer: undefined };
  await wadi.log.append(topic, [{ partition: 0, batches: [batch] }]);
  const builder = new StreamsBuilder();
  builder.stream('many', { keySerde: string, valueSerde: string }).toTable({ storeName: 'rows' });
  await runApplication(wadi, { applicationId: 'many', topology: builder.build() });
  const { out } = await run(cluster.url, ['streams', 'get', 'many', 'rows', '--max-records', '2400']);
  const keys = out.toString().trimEnd().split('\n');
  expect([keys.length, new Set(keys).size]).toEqual([2_400, 2_400]);
});

test.each<[args: string, code: number, told: RegExp]>([
  ['last missing', 1, /has nothing of the key in partition 0/],
  ['none a', 1, /has no store 'none'/],
  ['last a --prefix b', 2, /a key excludes/],
  ['last --from-time 0', 1, /of windows, of which the store has none/],
])('get app %s fails, and says why', async (args, code, told) => {
  const { err, ...ended } = await run(cluster.url, ['streams', 'get', 'app', ...args.split(' ')]);
  expect(ended.code).toBe(code);
  expect(err).toMatch(told);
});
