import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalCluster, startLocalCluster } from '../../lib/local/cluster.ts';
import { loadApplication } from '../../lib/local/streams.ts';
import { run } from '../cli/support.ts';

const EXAMPLE = new URL('../../lib/streams/examples/wordCount.ts', import.meta.url).pathname;

let directory: string;
const clusters: LocalCluster[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'wadi-streams-'));
});
afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.close();
  rmSync(directory, { recursive: true });
});

async function start(): Promise<LocalCluster> {
  const streams = [await loadApplication(EXAMPLE)];
  const storage = { kind: 'embedded', directory } as const;
  const cluster = await startLocalCluster({ storage, streams, maintenanceIntervalMs: 0 });
  clusters.push(cluster);
  return cluster;
}

async function produce({ url }: LocalCluster, lines: readonly string[]): Promise<void> {
  const { code, err } = await run(url, ['produce', 'lines'], `${lines.join('\n')}\n`);
  expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
}

/** The last that was said of each word. */
async function counts({ url, wadi }: LocalCluster): Promise<Record<string, number>> {
  const said: Record<string, number> = {};
  const { partitions } = await wadi.topics.describe('words');
  for (let partition = 0; partition < partitions; partition++) {
    const path = `/v3/clusters/${wadi.clusterId}/topics/words/partitions/${partition}/records`;
    for (let offset = 0; ; ) {
      const response = await fetch(`${url}${path}?offset=${offset}&max_bytes=1000000`);
      const { records } = (await response.json()) as {
        records: { offset: number; key: { data: string }; value: { data: string } }[];
      };
      if (records.length === 0) break;
      for (const { key, value } of records) said[key.data] = Number(value.data);
      offset = records.at(-1)!.offset + 1;
    }
  }
  return said;
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
  const lines = readFileSync(new URL('../../LICENSE', import.meta.url), 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const half = Math.floor(lines.length / 2);

  const before = await start();
  await before.wadi.topics.create({ name: 'words', partitions: 2 });
  await before.wadi.topics.create({ name: 'lines', partitions: 3 });
  await produce(before, lines.slice(0, half));
  await until(wordsOf(lines.slice(0, half)), async () => sorted(await counts(before)));
  clusters.splice(0);
  await before.close();

  const after = await start();
  await produce(after, lines.slice(half));
  await until(wordsOf(lines), async () => sorted(await counts(after)));
}, 60_000);

test('a module without an application is told in a line', async () => {
  const path = new URL('../../lib/version.ts', import.meta.url).pathname;
  await expect(loadApplication(path)).rejects.toThrow(
    'must export { applicationId, topology } as its default',
  );
});
