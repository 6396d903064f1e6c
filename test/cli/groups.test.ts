import { type LocalCluster, startLocalCluster } from '../../lib/local/cluster.ts';
import { run } from './support.ts';

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await startLocalCluster();
});
afterAll(() => cluster.close());

const wadi = (...args: string[]) => run(cluster.url, args);

/** Of a command that must succeed, with its columns told apart by a bar. */
async function output(...args: string[]): Promise<string[]> {
  const { code, out, err } = await wadi(...args);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return rows(out);
}

const rows = (out: Buffer): string[] => out.toString().trimEnd().replaceAll(/ {2,}/g, ' | ').split('\n');

let made = 0;
/** A topic of two partitions, with ten records in the first, and a name for a group. */
async function topicAndGroup(): Promise<{ topic: string; group: string }> {
  const topic = `topic-${made}`;
  await cluster.wadi.topics.create({ name: topic, partitions: 2 });
  await run(cluster.url, ['produce', topic, '-p', '0'], 'a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n');
  return { topic, group: `group-${made++}` };
}

/** A member that holds both partitions. */
async function join(group: string, topic: string, name = 'worker'): Promise<() => Promise<void>> {
  const { groups } = cluster.wadi;
  const member = await groups.create(group, {}, name);
  await groups.subscribe(member, { topics: [topic] });
  const until = Date.now() + 5_000;
  while ((await groups.heartbeat(member)).assigned.length < 2 && Date.now() < until);
  return () => groups.leave(member);
}

const commit = (group: string, topic: string, offset: number) =>
  cluster.wadi.groups.reset(group, [{ topic, partition: 0 }], { offset });

describe('groups', () => {
  test('are listed with their states and members', async () => {
    const { topic, group } = await topicAndGroup();
    await commit(`${group}-resting`, topic, 3);
    await join(group, topic);
    const listed = await output('groups', 'list');
    expect(listed[0]).toBe('group | state | members');
    expect(listed).toEqual(expect.arrayContaining([`${group} | STABLE | 1`, `${group}-resting | EMPTY | 0`]));
    const { out } = await wadi('groups', 'list', '--json');
    expect(JSON.parse(out.toString())).toContainEqual(
      expect.objectContaining({ consumer_group_id: group, state: 'STABLE', members_count: 1 }),
    );
  });

  test('are described with what each member holds', async () => {
    const { topic, group } = await topicAndGroup();
    await join(group, topic);
    expect(await output('groups', 'describe', group)).toEqual([
      `group | ${group}`,
      'state | STABLE',
      expect.stringMatching(/^epoch \| [1-9]$/),
      'assignor | uniform',
      'members | 1',
      '',
      'member | partitions',
      `worker | ${topic} 0-1`,
    ]);
  });

  test('are described with partitions that a member has by hand, and static members', async () => {
    const { topic, group } = await topicAndGroup();
    const { groups } = cluster.wadi;
    const byHand = await groups.create(group, {}, 'by-hand');
    await groups.assign(byHand, [{ topic, partition: 1 }]);
    await groups.create(group, { groupInstanceId: 'static-1' }, 'static-1');
    expect((await output('groups', 'describe', group)).slice(-2)).toEqual([
      `by-hand | ${topic} 1`,
      'static-1 (static) | -',
    ]);
  });

  test('have a lag: from the committed offset, or the log start, to the end', async () => {
    const { topic, group } = await topicAndGroup();
    await commit(group, topic, 3);
    expect(await output('groups', 'lag', group)).toEqual([
      'topic | partition | committed | end | lag | owner',
      `${topic} | 0 | 3 | 10 | 7 | -`,
      'total | 7',
    ]);
    await join(group, topic);
    expect((await output('groups', 'lag', group)).slice(1)).toEqual([
      `${topic} | 0 | 3 | 10 | 7 | worker`,
      `${topic} | 1 | - | 0 | 0 | worker`,
      'total | 7',
    ]);
    const { out } = await wadi('groups', 'lag', group, '--json');
    expect(JSON.parse(out.toString())[0]).toMatchObject({ topic_name: topic, current_offset: 3, lag: 7 });
  });

  test('are deleted, those that can be, and those that cannot are told', async () => {
    const { topic, group } = await topicAndGroup();
    await commit(`${group}-a`, topic, 1);
    await commit(`${group}-b`, topic, 1);
    await join(group, topic);
    const { code, out, err } = await wadi('groups', 'delete', `${group}-a`, group, 'nobody', `${group}-b`);
    expect(code).toBe(1);
    expect(rows(out)).toEqual([`Deleted group '${group}-a'.`, `Deleted group '${group}-b'.`]);
    expect(err.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^wadi: .*member/),
      "wadi: Group 'nobody' does not exist.",
    ]);
    expect(await output('groups', 'list')).not.toContainEqual(expect.stringContaining(`${group}-a`));
  });

  test('forget positions of a topic, or of some of its partitions', async () => {
    const { topic, group } = await topicAndGroup();
    await cluster.wadi.groups.reset(
      group,
      [0, 1].map((partition) => ({ topic, partition })),
      'latest',
    );
    expect(await output('groups', 'delete-offsets', group, '--topic', `${topic}:1`)).toEqual([
      `Deleted the positions of group '${group}' in ${topic} 1.`,
    ]);
    expect(await output('groups', 'lag', group)).toHaveLength(3);
    await output('groups', 'delete-offsets', group, '-t', topic);
    expect(await output('groups', 'lag', group)).toHaveLength(2);
  });
});

describe('a reset', () => {
  test('only shows what it would do, unless it is told to do it', async () => {
    const { topic, group } = await topicAndGroup();
    await commit(group, topic, 3);
    const args = ['groups', 'reset', group, '--all-topics', '--to-earliest'];
    const shown = ['topic | partition | before | offset', `${topic} | 0 | 3 | 0`];
    const { code, out, err } = await wadi(...args);
    expect({ code, shown: rows(out) }).toEqual({ code: 0, shown });
    expect(err).toBe('wadi: nothing is changed without --execute\n');
    expect(await output(...args, '--dry-run')).toEqual(shown);
    expect((await output('groups', 'lag', group))[1]).toBe(`${topic} | 0 | 3 | 10 | 7 | -`);

    expect(await output(...args, '--execute')).toEqual(shown);
    expect((await output('groups', 'lag', group))[1]).toBe(`${topic} | 0 | 0 | 10 | 10 | -`);
  });

  const HOUR_MS = 3_600_000;
  test.each([
    [['--to-offset', '7'], 7],
    [['--to-offset', '99'], 10],
    [['--to-earliest'], 0],
    [['--to-latest'], 10],
    [['--shift-by', '-2'], 3],
    [['--shift-by', '2'], 7],
    [['--by-duration', 'PT1H'], 0],
    [['--by-duration', 'PT0S'], 10],
    [['--to-datetime', new Date(Date.now() - HOUR_MS).toISOString()], 0],
    [['--to-datetime', String(Date.now() + HOUR_MS)], 10],
  ])('goes to %j', async (to, offset) => {
    const { topic, group } = await topicAndGroup();
    await commit(group, topic, 5);
    await new Promise((resolve) => setTimeout(resolve, 2));
    await output('groups', 'reset', group, '--topic', `${topic}:0`, ...to, '--execute');
    expect((await output('groups', 'lag', group))[1]).toBe(
      `${topic} | 0 | ${offset} | 10 | ${10 - offset} | -`,
    );
  });

  test('of topics takes in partitions that have no position yet, and makes the group', async () => {
    const { topic, group } = await topicAndGroup();
    const moved = await output('groups', 'reset', group, '-t', topic, '--to-latest', '--execute');
    expect(moved.slice(1)).toEqual([`${topic} | 0 | - | 10`, `${topic} | 1 | - | 0`]);
    expect(await output('groups', 'list')).toContain(`${group} | EMPTY | 0`);
  });

  test('of a partition that a member holds is refused, and so is forgetting it', async () => {
    const { topic, group } = await topicAndGroup();
    await commit(group, topic, 5);
    const leave = await join(group, topic);
    for (const args of [
      ['groups', 'reset', group, '--all-topics', '--to-earliest', '--execute'],
      ['groups', 'delete-offsets', group, '--topic', topic],
    ]) {
      const { code, err } = await wadi(...args);
      expect(code).toBe(1);
      expect(err).toMatch(/^wadi: [^\n]*must leave[^\n]*\n$/);
    }
    await leave();
    expect((await output('groups', 'lag', group))[1]).toBe(`${topic} | 0 | 5 | 10 | 5 | -`);
  });
});

test.each([
  ["Group 'nobody' does not exist.", ['describe', 'nobody']],
  ["Group 'nobody' does not exist.", ['lag', 'nobody']],
  ["Group 'nobody' does not exist.", ['delete', 'nobody']],
  ["Group 'nobody' does not exist.", ['reset', 'nobody', '--all-topics', '--to-latest']],
  ["Topic 'missing' does not exist.", ['reset', 'nobody', '-t', 'missing', '--to-latest']],
  ["'..' cannot be a group", ['describe', '..']],
])('fails with one line: %s %j', async (message, args) => {
  const { code, out, err } = await wadi('groups', ...args);
  expect({ code, out: out.toString() }).toEqual({ code: 1, out: '' });
  expect(err).toBe(`wadi: ${message}\n`);
});

test.each([
  ['no scope', ['reset', 'g', '--to-latest']],
  ['two scopes', ['reset', 'g', '--all-topics', '-t', 'a', '--to-latest']],
  ['nowhere to go', ['reset', 'g', '--all-topics']],
  ['two places to go', ['reset', 'g', '--all-topics', '--to-latest', '--shift-by', '1']],
  ['both kinds of run', ['reset', 'g', '--all-topics', '--to-latest', '--dry-run', '--execute']],
  ['partitions that are none', ['reset', 'g', '-t', 'a:b', '--to-latest']],
  ['a duration that is none', ['reset', 'g', '--all-topics', '--by-duration', '1h']],
  ['a time that is none', ['reset', 'g', '--all-topics', '--to-datetime', 'noon']],
  ['no topic to forget', ['delete-offsets', 'g']],
  ['nothing to delete', ['delete']],
])('%s is a usage error', async (_what, args) => {
  const { code, out, err } = await wadi('groups', ...args);
  expect({ code, out: out.toString() }).toEqual({ code: 2, out: '' });
  expect(err).toMatch(/^error: /);
});

test.each(['', 'list', 'describe', 'lag', 'reset', 'delete', 'delete-offsets'])(
  'groups %s explains itself',
  async (command) => {
    const { code, out } = await wadi('groups', ...command.split(' ').filter(Boolean), '--help');
    expect({ code, out: out.toString() }).toEqual({
      code: 0,
      out: expect.stringMatching(/^Usage: wadi groups/),
    });
  },
);
