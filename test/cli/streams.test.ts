import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalCluster, startLocalCluster } from '../../lib/local/cluster.ts';
import { counting, runApplication } from '../support/streams.ts';
import { run } from './support.ts';

let cluster: LocalCluster;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'wadi-cli-streams-'));
  cluster = await startLocalCluster({ storage: { kind: 'embedded', directory } });
});
afterAll(async () => {
  await cluster.close();
  rmSync(directory, { recursive: true });
});

const wadi = (...args: string[]) => run(cluster.url, args);

/** Of a command that must succeed, with its columns told apart by a bar. */
async function output(...args: string[]): Promise<string[]> {
  const { code, out, err } = await wadi(...args);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return rows(out);
}

const rows = (out: Buffer): string[] => out.toString().trimEnd().replaceAll(/ {2,}/g, ' | ').split('\n');

let made = 0;
/** An application that has read three records of the first of two partitions, in one task, and counted them in another. */
async function application(): Promise<{ id: string; topic: string }> {
  const [id, topic] = [`app-${made}`, `topic-${made++}`];
  await cluster.wadi.topics.create({ name: topic, partitions: 2 });
  await run(cluster.url, ['produce', topic, '-p', '0'], 'a\nb\na\n');
  await runApplication(cluster.wadi, counting(id, topic));
  return { id, topic };
}

describe('applications', () => {
  test('are listed with their states and tasks', async () => {
    const { id } = await application();
    const listed = await output('streams', 'list');
    expect(listed[0]).toBe('application | state | tasks | function');
    expect(listed).toContain(`${id} | IDLE | 2 | -`);
    const { out } = await wadi('streams', 'list', '--json');
    expect(JSON.parse(out.toString())).toContainEqual(
      expect.objectContaining({ application_id: id, tasks_count: 2 }),
    );
  });

  test('are described with their tasks and topology', async () => {
    const { id, topic } = await application();
    const described = await output('streams', 'describe', id);
    expect(described.slice(0, 7)).toEqual([
      `application | ${id}`,
      'state | IDLE',
      'function | -',
      'tasks | 2',
      '',
      'task | state | steps | positions',
      `0_0 | IDLE | 1 | ${topic} 3`,
    ]);
    expect(described).toContain('Topologies:');
  });

  test('are drawn', async () => {
    const { id, topic } = await application();
    const { out } = await wadi('streams', 'describe', id, '--mermaid');
    expect(out.toString()).toMatch(/^flowchart TD\n/);
    expect(out.toString()).toContain(topic);
  });

  test('have a lag', async () => {
    const { id, topic } = await application();
    await run(cluster.url, ['produce', topic, '-p', '0'], 'c\n');
    const lags = await output('streams', 'lag', id);
    expect(lags[0]).toBe('topic | partition | position | end | lag | task');
    expect(lags.slice(-3)).toEqual([
      `${topic} | 0 | 3 | 4 | 1 | 0_0`,
      `${topic} | 1 | - | 0 | 0 | 0_1`,
      'total | 1',
    ]);
    const { out } = await wadi('streams', 'lag', id, '--json');
    expect(JSON.parse(out.toString())).toHaveLength(4);
  });

  test('are deleted, those that can be, and those that cannot are told', async () => {
    const [{ id }, other] = [await application(), await application()];
    const { code, out, err } = await wadi('streams', 'delete', id, 'nobody', other.id);
    expect(code).toBe(1);
    expect(rows(out)).toEqual([`Deleted application '${id}'.`, `Deleted application '${other.id}'.`]);
    expect(err).toBe("wadi: Application 'nobody' does not exist.\n");
    expect((await output('streams', 'list')).join()).not.toContain(id);
    expect((await output('topics', 'list')).join()).not.toContain(`${id}-`);
  });
});

describe('a reset', () => {
  test('only shows what it would do, unless it is told to do it', async () => {
    const { id, topic } = await application();
    const shown = [
      'topic | partition | task | before | offset',
      `${topic} | 0 | 0_0 | 3 | 0`,
      `${topic} | 1 | 0_1 | - | 0`,
    ];
    const { code, out, err } = await wadi('streams', 'reset', id);
    expect({ code, shown: rows(out) }).toEqual({ code: 0, shown });
    expect(err).toBe('wadi: nothing is changed without --execute\n');
    expect(await output('streams', 'reset', id, '--dry-run')).toEqual(shown);
    expect((await output('streams', 'lag', id)).at(-1)).toBe('total | 0');

    expect(await output('streams', 'reset', id, '--execute')).toEqual(shown);
    expect((await output('streams', 'lag', id)).slice(1)).toEqual([
      `${topic} | 0 | - | 3 | 3 | 0_0`,
      `${topic} | 1 | - | 0 | 0 | 0_1`,
      'total | 3',
    ]);
    await runApplication(cluster.wadi, counting(id, topic));
    expect((await output('streams', 'lag', id)).at(-1)).toBe('total | 0');
  });

  test.each([
    [['--to-latest'], 3],
    [['--to-offset', '2'], 2],
    [['--by-duration', 'PT1H'], 0],
  ])('goes to %j', async (to, offset) => {
    const { id, topic } = await application();
    const moved = await output('streams', 'reset', id, ...to, '--execute');
    expect(moved[1]).toBe(`${topic} | 0 | 0_0 | 3 | ${offset}`);
  });

  test('of an application that is running is refused, and so is its deletion', async () => {
    const { id } = await application();
    const key = { pk: `streams/${id}`, sk: '0_0' };
    await cluster.wadi.storage.groups.update(key, [{ set: ['untilMs'], to: Date.now() + 60_000 }]);
    for (const args of [
      ['reset', id, '--execute'],
      ['delete', id],
    ]) {
      const { code, err } = await wadi('streams', ...args);
      expect(code).toBe(1);
      expect(err).toMatch(/^wadi: Application .* is running: somebody has task 0_0\. Stop [^\n]*\n$/);
    }
  });
});

const WORDS = new URL('../../lib/streams/examples/wordCount.ts', import.meta.url).pathname;
const MAIN = new URL('../../lib/cli/main.ts', import.meta.url).pathname;

interface Ran {
  readonly child: ChildProcess;
  /** What it has said until now. */
  told(): string;
  readonly ended: Promise<number | null>;
}

function runModule(...args: string[]): Ran {
  const child = spawn(process.execPath, [MAIN, 'streams', 'run', ...args]);
  let err = '';
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  return { child, told: () => err, ended: new Promise((resolve) => child.on('close', resolve)) };
}

async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !(await isSo()); ) {
    if (Date.now() > end) throw new Error('it does not come');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test('run works on an application beside the cluster, tells what it does, and ends with Ctrl-C', async () => {
  const ran = runModule(WORDS, '--data', directory);
  try {
    await until(() => /wadi: Topic 'lines' does not exist\.\n/.test(ran.told()));
    for (const name of ['lines', 'words']) await cluster.wadi.topics.create({ name });
    await run(cluster.url, ['produce', 'lines'], 'one two\ntwo\n');
    await until(async () => {
      const { out } = await wadi('consume', 'words', '--from-beginning', '--format', 'key-value');
      return out.toString().split('\n').length > 3;
    });
    await until(() => /s: [1-9]\d* records in \d+ steps, lag 0\n/.test(ran.told()));
  } finally {
    ran.child.kill('SIGINT');
  }
  expect(await ran.ended).toBe(0);
  expect(ran.told()).toMatch(/^Working on application 'word-count' until Ctrl-C\.\n/);
  expect(ran.told()).toMatch(/\nStopped: \d+ records in \d+ steps\.\n$/);
  expect(ran.told().match(/does not exist/g)).toHaveLength(1);
  expect(await output('streams', 'list')).toContain('word-count | IDLE | 2 | -');
  await output('streams', 'delete', 'word-count');
}, 60_000);

test.each([
  ["Application 'nobody' does not exist.", ['describe', 'nobody']],
  ["Application 'nobody' does not exist.", ['lag', 'nobody']],
  ["Application 'nobody' does not exist.", ['reset', 'nobody']],
  ["Application 'nobody' does not exist.", ['delete', 'nobody']],
  ["'..' cannot be an application", ['describe', '..']],
  [
    'there is no cluster in /no/such/place: npm start makes one (--data)',
    ['run', WORDS, '--data', '/no/such/place'],
  ],
  [
    expect.stringMatching(/must export \{ applicationId, topology \}/),
    ['run', new URL('../../lib/cli/table.ts', import.meta.url).pathname],
  ],
  [
    expect.stringMatching(
      /^wadi: These environment variables must be set: WADI_BUCKET, .*--groups-table\)\n$/,
    ),
    ['run', WORDS, '--storage', 'aws', '--log-table', 'l'],
  ],
])('fails with one line: %s %j', async (message, args) => {
  const { code, out, err } = await wadi('streams', ...args);
  expect({ code, out: out.toString() }).toEqual({ code: 1, out: '' });
  expect(err).toEqual(typeof message === 'string' ? `wadi: ${message}\n` : message);
  expect(err.trimEnd()).not.toContain('\n');
});

test.each([
  ['two places to go', ['reset', 'a', '--to-latest', '--to-offset', '1']],
  ['both kinds of run', ['reset', 'a', '--dry-run', '--execute']],
  ['nothing to delete', ['delete']],
  ['nothing to run', ['run']],
  ['a storage that is none', ['run', WORDS, '--storage', 'disk']],
])('%s is a usage error', async (_what, args) => {
  const { code, out, err } = await wadi('streams', ...args);
  expect({ code, out: out.toString() }).toEqual({ code: 2, out: '' });
  expect(err).toMatch(/^error: /);
});

test.each(['', 'list', 'describe', 'lag', 'reset', 'delete', 'run'])(
  'streams %s explains itself',
  async (command) => {
    const { code, out } = await wadi('streams', ...command.split(' ').filter(Boolean), '--help');
    expect({ code, out: out.toString() }).toEqual({
      code: 0,
      out: expect.stringMatching(/^Usage: wadi streams/),
    });
  },
);
