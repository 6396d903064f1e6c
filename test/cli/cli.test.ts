import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalCluster, startLocalCluster } from '../../lib/local/cluster.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { openInput, run } from './support.ts';

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await startLocalCluster();
});
afterAll(() => cluster.close());

const wadi = (args: string[], input?: Parameters<typeof run>[2]) => run(cluster.url, args, input);
/** Of a command that must succeed. */
const output = async (args: string[], input?: Parameters<typeof run>[2]): Promise<string> => {
  const { code, out, err } = await wadi(args, input);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return out.toString();
};

let topicsMade = 0;
async function newTopic(...options: string[]): Promise<string> {
  const topic = `topic-${topicsMade++}`;
  await output(['topics', 'create', topic, ...options]);
  return topic;
}

describe('topics', () => {
  test('are created, listed, described, altered and deleted', async () => {
    await output(['topics', 'create', 'orders', '-p', '2', '-c', 'retention.ms=1000', '-c', 'segment.ms=7']);
    expect((await output(['topics', 'list'])).split('\n')).toContain('orders');
    await output([
      'topics',
      'alter',
      'orders',
      '-p',
      '3',
      '-c',
      'flush.ms=5',
      '--delete-config',
      'segment.ms',
    ]);
    await output(['produce', 'orders', '-p', '2'], 'a\nb\n');
    expect(await output(['topics', 'describe', 'orders'])).toBe(
      [
        'topic       orders',
        'partitions  3',
        'size        77 B',
        '',
        'config        value',
        'flush.ms      5',
        'retention.ms  1000',
        '',
        'partition  earliest offset  latest offset  size',
        '0          0                0              0 B',
        '1          0                0              0 B',
        '2          0                2              77 B',
        '',
      ].join('\n'),
    );
    expect(await output(['topics', 'describe', 'orders', '--all-configs'])).toContain('604800000 (default)');
    await output(['topics', 'delete', 'orders']);
    expect((await output(['topics', 'list'])).split('\n')).not.toContain('orders');
  });

  test('lose the oldest records of a partition, which then begins later', async () => {
    const topic = await newTopic('-p', '2');
    await output(['produce', topic, '-p', '1'], 'a\nb\nc\n');
    const remove = (before: string) =>
      output(['topics', 'delete-records', topic, '-p', '1', '--before-offset', before]);
    expect(await remove('2')).toBe(`Partition 1 of topic '${topic}' begins at offset 2.\n`);
    expect(await output(['consume', topic, '-b'])).toBe('c\n');
    expect(await remove('1')).toBe(`Partition 1 of topic '${topic}' begins at offset 2.\n`);
    expect(await remove('-1')).toBe(`Partition 1 of topic '${topic}' begins at offset 3.\n`);
    expect(await output(['topics', 'describe', topic])).toMatch(/^1 +3 +3 +0 B$/m);
  });

  test.each([
    ['is out of range: records are at offsets 0', 1, ['-p', '0', '--before-offset', '7']],
    ['has no partition 4', 1, ['-p', '4', '--before-offset', '0']],
    ['It must be a whole number of at least -1.', 2, ['-p', '0', '--before-offset', '-2']],
    ["required option '--before-offset <offset>' not specified", 2, ['-p', '0']],
    ["required option '-p, --partition <id>' not specified", 2, ['--before-offset', '0']],
  ])('lose no records when that is not understood: %s', async (message, exitCode, args) => {
    const topic = await newTopic();
    await output(['produce', topic], 'a\n');
    const { code, err } = await wadi(['topics', 'delete-records', topic, ...args]);
    expect({ code, err }).toEqual({ code: exitCode, err: expect.stringContaining(message) });
    expect(await output(['consume', topic, '-b'])).toBe('a\n');
  });

  test('are all listed, however many pages the API makes of them', async () => {
    const many = await startLocalCluster();
    try {
      const names = Array.from({ length: 2_100 }, (_, i) => `t${String(i).padStart(4, '0')}`);
      await Promise.all(names.map((name) => many.wadi.topics.create({ name })));
      const { out } = await run(many.url, ['topics', 'list']);
      expect(out.toString().trim().split('\n')).toEqual(names);
    } finally {
      await many.close();
    }
  });

  test('are left alone when that is asked for', async () => {
    const topic = await newTopic();
    expect(await output(['topics', 'create', topic, '-p', '9', '--if-not-exists'])).toContain(
      'is there already',
    );
    expect(await output(['topics', 'describe', topic])).toContain('partitions  1\n');
    expect(await output(['topics', 'create', 'checked', '--validate-only'])).toContain('could be created');
    expect(await output(['topics', 'delete', 'checked', '--if-exists'])).toContain('There is no topic');
  });

  test.each([
    ["Topic 'missing' does not exist.", ['topics', 'describe', 'missing']],
    ["Topic 'missing' does not exist.", ['topics', 'delete', 'missing']],
    ['Unknown topic config name: foo', ['topics', 'create', 'x', '-c', 'foo=1']],
    ['must be a whole number from -1', ['topics', 'create', 'x', '-c', 'retention.ms=soon']],
    ['Topic name is invalid', ['topics', 'create', 'a b']],
    ['Topic name is invalid', ['topics', 'delete', '..']],
  ])('fail with one line: %s', async (message, args) => {
    const { code, out, err } = await wadi(args);
    expect({ code, out: out.toString() }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^wadi: [^\n]*\n$/);
    expect(err).toContain(message);
  });

  test('configs can be listed without a cluster', async () => {
    const { code, out } = await run('http://127.0.0.1:1', ['topics', 'configs']);
    expect(code).toBe(0);
    expect(out.toString()).toMatch(/^partitions\.per\.head +INT +16 +now +a whole number from 1 to 16$/m);
  });
});

describe('produce and consume', () => {
  test('carry keys, headers and values, each key in one partition and in order', async () => {
    const topic = await newTopic('-p', '4');
    const lines = Array.from({ length: 300 }, (_, i) => `k${i % 7}:v:${i}`);
    const produced = await output(
      ['produce', topic, '-k', ':', '-H', 'src:x:y', '-H', 'b:', '--batch', '50'],
      lines.join('\n'),
    );
    expect(produced).toBe(`Produced 300 records to topic '${topic}'.\n`);
    const consumed = await output([
      'consume',
      topic,
      '-b',
      '--format',
      'key-value',
      '-k',
      ':',
      '--print-headers',
    ]);
    const records = consumed.trimEnd().split('\n');
    expect(records.every((record) => record.startsWith('src:x:y,b::'))).toBe(true);
    const byKey = (all: string[]) => Object.groupBy(all, (line) => line.slice(0, 2));
    expect(byKey(records.map((record) => record.slice('src:x:y,b::'.length)))).toEqual(byKey(lines));
  });

  test('carry any bytes, and a last line without its newline', async () => {
    const topic = await newTopic();
    const bytes = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 131 + (i >> 3)) & 0xff));
    await output(['produce', topic], bytes);
    const { out } = await wadi(['consume', topic, '-b']);
    expect(out.equals(Buffer.concat([bytes, Buffer.from('\n')]))).toBe(true);
  });

  test('carry nulls and empty values', async () => {
    const topic = await newTopic();
    await output(['produce', topic, '-k', '=', '--null-marker', 'NIL'], 'a=NIL\nNIL=\n=NIL NIL\n');
    expect(await output(['consume', topic, '-b', '--format', 'key-value', '--null-marker', '∅'])).toBe(
      'a\t∅\n∅\t\n\tNIL NIL\n',
    );
  });

  test('carry JSON and base64', async () => {
    const topic = await newTopic();
    await output(['produce', topic, '-t', 'json', '-p', '0'], '{"a": [1, 12345678901234567890]}\n');
    await output(['produce', topic, '-t', 'binary', '--acks', '1'], '//79\n');
    const { out } = await wadi(['consume', topic, '-b', '--record-separator', '|']);
    expect(out).toEqual(
      Buffer.concat([
        Buffer.from('{"a":[1,12345678901234567890]}|'),
        Buffer.from([0xff, 0xfe, 0xfd]),
        Buffer.from('|'),
      ]),
    );
    const [first] = (await output(['consume', topic, '-b', '--format', 'json'])).split('\n');
    expect(JSON.parse(first!)).toMatchObject({ partition_id: 0, offset: 0, key: null, headers: [] });
  });

  test('begin where they are told to', async () => {
    const topic = await newTopic();
    await output(['produce', topic], 'a\nb\n');
    await new Promise((resolve) => setTimeout(resolve, 5));
    const between = Date.now();
    await output(['produce', topic], 'c\nd\n');
    const from = (...args: string[]) => output(['consume', topic, '-p', '0', ...args]);
    expect(await from('-o', '1')).toBe('b\nc\nd\n');
    expect(await from('-o', '4')).toBe('');
    expect(await from('-o', '1', '-n', '2')).toBe('b\nc\n');
    expect(await from('-t', String(between))).toBe('c\nd\n');
    expect(await from('-t', new Date(between).toISOString())).toBe('c\nd\n');
    expect(await from('-t', String(between + 60_000))).toBe('');
    expect((await wadi(['consume', topic, '-p', '0', '-o', '5'])).err).toBe(
      'wadi: Offset 5 is out of range: partition 0 has 0 to 4\n',
    );
  });

  test('follow what comes, from the end unless told otherwise, until enough is printed', async () => {
    const topic = await newTopic('-p', '3');
    await output(['produce', topic], 'old\n');
    const input = openInput();
    const all = wadi(['consume', topic, '-b', '-f', '-n', '3']);
    const onlyNew = wadi(['consume', topic, '-n', '2']);
    const producing = wadi(['produce', topic], input);
    await new Promise((resolve) => setTimeout(resolve, 300));
    input.write('new 1\nnew 2\n');
    expect((await onlyNew).out.toString().split('\n').sort()).toEqual(['', 'new 1', 'new 2']);
    expect((await all).out.toString().split('\n').sort()).toEqual(['', 'new 1', 'new 2', 'old']);
    input.end();
    expect((await producing).code).toBe(0);
  });

  test('go on following when the server comes back', async () => {
    const storage = memoryStorage();
    const kept = { ...storage, close: async () => {} };
    const first = await startLocalCluster({ storage: kept });
    await first.wadi.topics.create({ name: 'kept' });
    await run(first.url, ['produce', 'kept'], 'before\n');
    const following = run(first.url, ['consume', 'kept', '-b', '-f', '-n', '2']);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await first.close();
    await new Promise((resolve) => setTimeout(resolve, 200));
    const second = await startLocalCluster({ storage: kept, port: Number(new URL(first.url).port) });
    try {
      await run(second.url, ['produce', 'kept'], 'after\n');
      expect((await following).out.toString()).toBe('before\nafter\n');
    } finally {
      await second.close();
    }
  });

  test('read a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wadi-'));
    const file = join(folder, 'lines.txt');
    const text = Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join('');
    await writeFile(file, text);
    const topic = await newTopic();
    expect(await output(['produce', topic, '-f', file])).toContain('Produced 20000 records');
    expect(await output(['consume', topic, '-b'])).toBe(text);
    await rm(folder, { recursive: true });
  });
});

describe('produce', () => {
  test('tells which lines failed, and fails', async () => {
    const topic = await newTopic('-c', 'max.message.bytes=1000');
    const { code, err } = await wadi(['produce', topic], `a\n${'x'.repeat(2000)}\nb\n`);
    expect(code).toBe(1);
    expect(err).toMatch(/^wadi: line 2: .*\nwadi: 1 record not produced, 2 produced\n$/);
    expect(await output(['consume', topic, '-b'])).toBe('a\nb\n');
  });

  test.each([
    ['Line 2 has no key', ['-k', ':'], 'a:b\nc\n'],
    ['Line 1 is not JSON', ['-t', 'json'], '{\n'],
    ['Line 1 is not UTF-8', ['-t', 'json'], Buffer.from([0x22, 0xff, 0x22])],
    ['is not a base64 string', ['-t', 'binary'], '!!\n'],
    ['no partition 9', ['-p', '9'], 'a\n'],
    ['no such file', ['-f', '/no/such/file'], ''],
  ])('refuses: %s', async (message, args, input) => {
    const { code, err } = await wadi(['produce', await newTopic(), ...args], input);
    expect(code).toBe(1);
    expect(err).toContain(message);
  });
});

test.each([
  ['no topic', ['consume']],
  ['an unknown command', ['topics', 'rename', 'a']],
  ['an unknown option', ['produce', 'a', '--fast']],
  ['a number that is none', ['topics', 'create', 'a', '-p', 'many']],
  ['a number out of range', ['topics', 'create', 'a', '-p', '10001']],
  ['a header without a name', ['produce', 'a', '-H', ':x']],
  ['a format that is none', ['consume', 'a', '--format', 'xml']],
  ['a time that is none', ['consume', 'a', '-t', 'noon']],
  ['two places to begin', ['consume', 'a', '-b', '-t', '1']],
  ['an offset without a partition', ['consume', 'a', '-o', '1']],
  ['nothing to alter', ['topics', 'alter', 'a']],
])('%s is a usage error', async (_what, args) => {
  const { code, out, err } = await wadi(args);
  expect({ code, out: out.toString() }).toEqual({ code: 2, out: '' });
  expect(err).toMatch(/^error: /);
});

test.each(['', 'topics', 'topics create', 'topics alter', 'produce', 'consume'])(
  'help is there at every level: %j',
  async (command) => {
    const help = await output([...command.split(' ').filter(Boolean), '--help']);
    expect(help).toMatch(/^Usage: wadi/);
    expect(help).toContain('--url <url>');
  },
);

test.each([
  ['http://127.0.0.1:1', 'wadi: No answer from http://127.0.0.1:1: '],
  ['localhost:8080', "wadi: 'localhost:8080' is not an HTTP URL\n"],
])('a URL where nothing answers is one line: %s', async (url, message) => {
  const { code, err } = await run(url, ['topics', 'list']);
  expect(code).toBe(1);
  expect(err.startsWith(message)).toBe(true);
  expect(err.trimEnd().split('\n')).toHaveLength(1);
});

test('whoever has read enough may go: the process ends without a word', async () => {
  const topic = await newTopic();
  await output(['produce', topic], 'x'.repeat(99).concat('\n').repeat(20_000));
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      'lib/cli/main.ts',
      'consume',
      topic,
      '-b',
      '-f',
      '--url',
      cluster.url,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let err = '';
  child.stderr.on('data', (chunk) => (err += chunk));
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const [code] = await once(child, 'exit');
  expect({ code, err }).toEqual({ code: 0, err: '' });
});
