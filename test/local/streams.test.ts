import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalCluster, startLocalCluster } from '../../lib/local/cluster.ts';
import { loadApplication, runUntilStopped } from '../../lib/local/streams.ts';
import { partitionOfKey } from '../../lib/record/partitioner.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { Serdes, StreamsBuilder } from '../../lib/streams/index.ts';
import { createWadi } from '../../lib/wadi.ts';
import { run } from '../cli/support.ts';
import { aftershocks, readQuakes, sortedRecords, swarms } from '../streams/examples/earthquakeOracle.ts';
import { append, batch, testClock } from '../support/log.ts';

const example = (name: string) => new URL(`../../lib/streams/examples/${name}.ts`, import.meta.url).pathname;

let directory: string;
const clusters: LocalCluster[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'wadi-streams-'));
});
afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.close();
  rmSync(directory, { recursive: true });
});

async function start(name: string): Promise<LocalCluster> {
  const streams = [await loadApplication(example(name))];
  const storage = { kind: 'embedded', directory } as const;
  const cluster = await startLocalCluster({ storage, streams, maintenanceIntervalMs: 0 });
  clusters.push(cluster);
  return cluster;
}

async function produce({ url }: LocalCluster, args: readonly string[], input: string): Promise<void> {
  const { code, err } = await run(url, ['produce', ...args], input);
  expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
}

async function read<V>({ url, wadi }: LocalCluster, topic: string): Promise<[string, V][]> {
  const found: [string, V][] = [];
  const { partitions } = await wadi.topics.describe(topic);
  for (let partition = 0; partition < partitions; partition++) {
    const path = `/v3/clusters/${wadi.clusterId}/topics/${topic}/partitions/${partition}/records`;
    for (let offset = 0; ; ) {
      const response = await fetch(`${url}${path}?offset=${offset}&max_bytes=1000000`);
      const { records } = (await response.json()) as {
        records: { offset: number; key: { data: string }; value: { data: V } }[];
      };
      if (records.length === 0) break;
      for (const { key, value } of records) found.push([key.data, value.data]);
      offset = records.at(-1)!.offset + 1;
    }
  }
  return found;
}

/** The last that was said of each word. */
async function counts(cluster: LocalCluster): Promise<Record<string, number>> {
  const said = (await read<unknown>(cluster, 'words')).map(([word, count]) => [word, Number(count)]);
  return Object.fromEntries(said);
}

async function until<T>(expected: T, seen: () => Promise<T>): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (JSON.stringify(await seen()) === JSON.stringify(expected)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(await seen()).toEqual(expected);
}

const sorted = (of: Record<string, number>) =>
  Object.fromEntries(Object.entries(of).toSorted(([a], [b]) => (a < b ? -1 : 1)));

function wordsOf(lines: readonly string[]): Record<string, number> {
  const expected: Record<string, number> = {};
  for (const word of lines
    .join('\n')
    .toLowerCase()
    .match(/\p{L}+/gu) ?? [])
    expected[word] = (expected[word] ?? 0) + 1;
  return sorted(expected);
}

test('the example counts the words of a real text, whose topics come after it, and goes on after a restart', async () => {
  const lines = readFileSync('node_modules/fast-check/README.md', 'utf8').split('\n');
  const half = Math.floor(lines.length / 2);

  const before = await start('wordCount');
  await before.wadi.topics.create({ name: 'words', partitions: 2 });
  await before.wadi.topics.create({ name: 'lines', partitions: 3 });
  await produce(before, ['lines'], lines.slice(0, half).join('\n'));
  await until(wordsOf(lines.slice(0, half)), async () => sorted(await counts(before)));
  clusters.splice(0);
  await before.close();

  const after = await start('wordCount');
  await produce(after, ['lines'], lines.slice(half).join('\n'));
  await until(wordsOf(lines), async () => sorted(await counts(after)));
}, 60_000);

test('the example finds the swarms and aftershocks of a week of real earthquakes, in tasks by region', async () => {
  const cluster = await start('earthquakes');
  for (const name of ['swarms', 'aftershocks', 'earthquakes']) await cluster.wadi.topics.create({ name });
  const feed = execFileSync(process.execPath, [example('earthquakeFeed')], { maxBuffer: 1 << 24 });
  await produce(cluster, ['earthquakes', '--type', 'json'], feed.toString());

  const quakes = readQuakes();
  const partitionOf = (region: string) => partitionOfKey(Buffer.from(region), 4);
  const told = async (topic: string) => sortedRecords(await read(cluster, topic));
  await until(sortedRecords(aftershocks(quakes)), () => told('aftershocks'));
  await until(sortedRecords(swarms(quakes, partitionOf)), () => told('swarms'));
}, 60_000);

test('an application that runs is reset, and tells all anew; deleted, it begins as one that nobody knew', async () => {
  const cluster = await start('wordCount');
  for (const name of ['lines', 'words']) await cluster.wadi.topics.create({ name });
  const lines = ['one two', 'two'];
  const told = async () => (await read(cluster, 'words')).map(([word]) => word).sort();
  const once = ['one', 'two', 'two'];
  await produce(cluster, ['lines'], lines.join('\n'));
  await until(once, told);
  const manage = async (...args: readonly string[]) => {
    // While a worker has one of its tasks it is refused.
    await until(0, async () => (await run(cluster.url, ['streams', ...args])).code);
  };
  await manage('reset', 'word-count', '--execute');
  await until([...once, ...once].sort(), told);
  await manage('delete', 'word-count');
  await until([...once, ...once, ...once].sort(), told);
  expect(sorted(await counts(cluster))).toEqual(wordsOf(lines));
  const { out } = await run(cluster.url, ['streams', 'list']);
  expect(out.toString()).toMatch(/^word-count /m);
}, 60_000);

test('a module without an application is told in a line', async () => {
  const path = new URL('../../lib/version.ts', import.meta.url).pathname;
  await expect(loadApplication(path)).rejects.toThrow(
    'must export { applicationId, topology } as its default',
  );
});

test.each([
  ['a/b', 'applicationId must be a name that a topic can have: .*other than ASCII letters'],
  ['a'.repeat(249), "application 'a*' needs a topic of its own: it is 264 characters long, more than 249"],
])(
  'an application that could have no topics of its own is told in a line: %s',
  async (applicationId, line) => {
    const file = join(directory, 'application.ts');
    const index = new URL('../../lib/streams/index.ts', import.meta.url).href;
    writeFileSync(
      file,
      `import { Serdes, StreamsBuilder } from '${index}';
    const builder = new StreamsBuilder();
    builder.table('in', { keySerde: Serdes.string, valueSerde: Serdes.string }, { storeName: 'rows' });
    export default { applicationId: '${applicationId}', topology: builder.build() };`,
    );
    await expect(loadApplication(`${file}`)).rejects.toThrow(new RegExp(`^${file}: ${line}`));
  },
);

test('of tasks that fail each time, each is told of once', async () => {
  const clock = testClock();
  const wadi = await createWadi({ storage: memoryStorage(), clock, clusterId: 'test' });
  await wadi.topics.create({ name: 'in', partitions: 2 });
  const topic = await wadi.topics.describe('in');
  for (const partition of [0, 1]) await append(wadi.log, topic, partition, batch(['bad']));
  const builder = new StreamsBuilder();
  builder.stream('in', { keySerde: Serdes.string, valueSerde: Serdes.string }).foreach((_, value) => {
    throw new Error(value);
  });
  const stopping = new AbortController();
  const told: string[] = [];
  let runs = 0;
  await runUntilStopped(
    wadi,
    { applicationId: 'app', topology: builder.build() },
    {
      stopping: stopping.signal,
      warn: (error) => told.push((error as Error).message),
      onRun() {
        if (++runs === 3) stopping.abort();
      },
    },
  );
  const failure = (partition: number) =>
    `Task 0_${partition} of application 'app' failed: in/${partition}, offset 0: bad`;
  expect(told.toSorted()).toEqual([failure(0), failure(1)]);
});

test.each([
  ["{ applicationId: 'a', topology: builder }", 'call build\\(\\)'],
  ["{ applicationId: 'a', topology: builder.build() }", 'its topology reads no topic'],
  ["{ applicationId: 'a', topology: read(), onError: 'continue' }", "onError must be 'stop' or"],
  ["{ applicationId: 'a', topology: read(), processingGuarantee: 'once' }", 'processingGuarantee must be'],
  ['nowhere', ' cannot be loaded: nowhere is not defined'],
])('an application that cannot be run is told in a line with its path: %s', async (application, line) => {
  const file = join(directory, 'application.ts');
  const index = new URL('../../lib/streams/index.ts', import.meta.url).href;
  writeFileSync(
    file,
    `import { Serdes, StreamsBuilder } from '${index}';
    const builder = new StreamsBuilder();
    function read() {
      builder.stream('in', { keySerde: Serdes.string, valueSerde: Serdes.string });
      return builder.build();
    }
    export default ${application};`,
  );
  await expect(loadApplication(file)).rejects.toThrow(new RegExp(`^${file}:? ?.*${line}`));
});
