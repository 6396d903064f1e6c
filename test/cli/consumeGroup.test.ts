import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type LocalCluster, startLocalCluster } from '../../lib/local/cluster.ts';
import { run } from './support.ts';

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await startLocalCluster();
});
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => cluster.close());

const wadi = (...args: string[]) => run(cluster.url, args);

async function output(...args: string[]): Promise<string[]> {
  const { code, out, err } = await wadi(...args);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return out.toString().trimEnd().split('\n');
}

let made = 0;
async function newTopic(partitions = 1): Promise<string> {
  const name = `topic-${made++}`;
  await cluster.wadi.topics.create({ name, partitions });
  return name;
}

const numbered = (count: number, prefix = ''): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);

async function produce(topic: string, values: readonly string[], ...args: string[]): Promise<void> {
  await run(cluster.url, ['produce', topic, ...args], `${values.join('\n')}\n`);
}

/** How far a group has committed, over all partitions of a topic. */
async function committed(group: string, topic: string): Promise<number> {
  const { partitions } = await cluster.wadi.topics.describe(topic);
  const names = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
  const found = await cluster.wadi.groups.committed(group, names);
  return found.reduce((sum, each) => sum + (each?.offset ?? 0), 0);
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const endMs = Date.now() + 20_000; !(await condition()); ) {
    if (Date.now() > endMs) throw new Error('It did not come to be');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The command in a process of its own. */
function start(...args: string[]) {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', 'lib/cli/main.ts', 'consume', ...args, '--url', cluster.url],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  children.push(child);
  const exit = once(child, 'exit');
  const text = { out: '', err: '' };
  child.stdout.on('data', (chunk) => (text.out += chunk));
  child.stderr.on('data', (chunk) => (text.err += chunk));
  return {
    child,
    text,
    lines: () => text.out.split('\n').filter(Boolean),
    async end(signal?: NodeJS.Signals) {
      if (signal !== undefined) child.kill(signal);
      const [code] = await exit;
      return code;
    },
  };
}

const isEmpty = async (group: string) => (await cluster.wadi.groups.describe(group)).members.length === 0;

test('goes on where the group is, and commits what it printed and no more', async () => {
  const topic = await newTopic();
  await produce(topic, numbered(10));
  const consume = (count: number) => output('consume', topic, '-g', 'once', '-b', '-n', String(count));
  expect(await consume(4)).toEqual(['0', '1', '2', '3']);
  expect(await committed('once', topic)).toBe(4);
  expect(await isEmpty('once')).toBe(true);
  expect(await consume(6)).toEqual(['4', '5', '6', '7', '8', '9']);
  expect(await committed('once', topic)).toBe(10);
});

test('begins with what is new, unless it is told otherwise', async () => {
  const topic = await newTopic();
  await produce(topic, ['old']);
  const consuming = start(topic, '--group', 'new', '-n', '1', '-v');
  await until(() => consuming.text.err !== '');
  await produce(topic, ['new']);
  expect(await consuming.end()).toBe(0);
  expect(consuming.lines()).toEqual(['new']);
});

test('reads several topics, or all that a pattern matches, in every format', async () => {
  const [first, second] = [await newTopic(), await newTopic()];
  await produce(first, ['a:{"n":1}'], '-k', ':', '-H', 'h:x', '-t', 'json');
  await produce(second, ['b:2'], '-k', ':', '-t', 'json');
  const json = await output('consume', first, second, '-g', 'json', '-b', '-n', '2', '--format', 'json');
  expect(json.map((line) => JSON.parse(line)).sort((a, b) => (a.topic_name < b.topic_name ? -1 : 1))).toEqual(
    [
      {
        topic_name: first,
        partition_id: 0,
        offset: 0,
        timestamp: expect.stringMatching(/Z$/),
        timestamp_ms: expect.any(Number),
        headers: [{ name: 'h', value: 'eA==' }],
        key: { type: 'STRING', data: 'a' },
        value: { type: 'JSON', data: { n: 1 } },
      },
      expect.objectContaining({ topic_name: second, headers: [], value: { type: 'JSON', data: 2 } }),
    ],
  );
  const pattern = ['--pattern', `${first}|${second}`, '--format', 'key-value', '-k', '=', '--print-headers'];
  const texts = await output('consume', '-g', 'pattern', '-b', '-n', '2', ...pattern);
  expect(texts.sort()).toEqual(['=b=2', 'h:x=a={"n":1}']);
});

test('two members share the partitions, each record is printed once, and a signal ends them in order', async () => {
  const topic = await newTopic(4);
  const args = [topic, '--group', 'shared', '--from-beginning', '--verbose'];
  const first = start(...args);
  await until(() => first.text.err === `wadi: assigned ${topic} 0-3\n`);
  await produce(topic, numbered(200, 'before-'), '--batch', '10');
  const second = start(...args);
  await until(() => /assigned .*\n.*gave up .*/s.test(first.text.err) && second.text.err !== '');
  await until(async () => (await cluster.wadi.groups.describe('shared')).state === 'stable');
  await produce(topic, numbered(200, 'after-'), '--batch', '10');
  const all = () => [...first.lines(), ...second.lines()];
  await until(() => all().length >= 400);
  expect(await Promise.all([first.end('SIGTERM'), second.end('SIGINT')])).toEqual([0, 0]);

  expect(all().sort()).toEqual([...numbered(200, 'before-'), ...numbered(200, 'after-')].sort());
  expect(second.lines().length).toBeGreaterThan(0);
  expect(await committed('shared', topic)).toBe(400);
  expect(await isEmpty('shared')).toBe(true);
});

test('whoever has read enough may go: what nobody took is not committed', async () => {
  const topic = await newTopic();
  await produce(topic, ['taken']);
  const consuming = start(topic, '--group', 'head', '--from-beginning');
  await until(() => consuming.text.out === 'taken\n');
  consuming.child.stdout.destroy();
  await produce(topic, ['not taken']);
  expect(await consuming.end()).toBe(0);
  expect(consuming.text.err).toBe('');
  expect(await isEmpty('head')).toBe(true);
  expect(await committed('head', topic)).toBe(1);
  expect(await output('consume', topic, '-g', 'head', '-n', '1')).toEqual(['not taken']);
});

test('a topic that is not there is told', async () => {
  const { code, err } = await wadi('consume', 'missing', '--group', 'g');
  expect({ code, err }).toEqual({ code: 1, err: "wadi: Topic 'missing' does not exist.\n" });
});

test('a pattern that is none is told', async () => {
  const { code, err } = await wadi('consume', '--pattern', '(', '--group', 'g');
  expect(code).toBe(1);
  expect(err).toMatch(/^wadi: [^\n]*topic_pattern[^\n]*\n$/);
});

test.each([
  ['a group and a partition', ['a', '-g', 'g', '-p', '0']],
  ['a group and a time', ['a', '-g', 'g', '-t', '0']],
  ['several topics of no group', ['a', 'b']],
  ['a pattern of no group', ['--pattern', 'a']],
  ['topics and a pattern', ['a', '-g', 'g', '--pattern', 'a']],
  ['neither topic nor pattern', ['-g', 'g']],
  ['verbose about no group', ['a', '-v']],
])('%s is a usage error', async (_what, args) => {
  const { code, out, err } = await wadi('consume', ...args);
  expect({ code, out: out.toString() }).toEqual({ code: 2, out: '' });
  expect(err).toMatch(/^error: /);
});
