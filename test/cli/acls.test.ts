import { type LocalCluster, startLocalCluster } from '../../lib/local/cluster.ts';
import { run } from './support.ts';

let cluster: LocalCluster;

beforeEach(async () => {
  cluster = await startLocalCluster({
    authorizer: { superUsers: new Set(['User:root']), allowEveryoneIfNoAclFound: false },
  });
});
afterEach(() => cluster.close());

const as = (user: string, ...args: string[]) => run(cluster.url, ['--user', user, ...args]);

async function output(...args: string[]): Promise<string[]> {
  const { code, out, err } = await as('root', ...args);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return out.toString().trimEnd().replaceAll(/ {2,}/g, ' | ').split('\n').slice(1);
}

test('ACLs are created, listed and deleted, and are in effect for whoever calls', async () => {
  await output('topics', 'create', 'orders');
  const { err } = await as('anna', 'topics', 'describe', 'orders');
  expect(err).toMatch(/^wadi: User:anna is not allowed DESCRIBE\w* on topic 'orders'\.\n$/);
  const created = ['--allow-principal', 'User:anna', '--operation', 'read', '--topic', 'orders'];
  expect(await output('acls', 'create', ...created)).toEqual([
    'TOPIC | orders | ALLOW | READ | User:anna | *',
  ]);
  expect((await as('anna', 'topics', 'list')).out.toString()).toContain('orders');
  expect(await output('acls', 'list')).toEqual(['TOPIC | orders | ALLOW | READ | User:anna | *']);
  expect(await output('acls', 'delete', '--principal', 'User:anna')).toHaveLength(1);
  expect(await output('acls', 'list')).toEqual([]);
});

test('producers and consumers get all that they need', async () => {
  await output(
    'acls',
    'create',
    '--allow-principal',
    'User:shop',
    '--producer',
    '--topic',
    'shop-',
    '--prefixed',
  );
  await output(
    'acls',
    'create',
    '--allow-principal',
    'User:anna',
    '--consumer',
    '-t',
    'shop-a',
    '-g',
    'billing',
  );
  const made = await as('shop', 'topics', 'create', 'shop-a');
  expect([made.code, made.err]).toEqual([0, '']);
  const produced = await run(cluster.url, ['--user', 'shop', 'produce', 'shop-a'], 'one\ntwo\n');
  expect([produced.code, produced.err]).toEqual([0, '']);
  const options = ['shop-a', '--group', 'billing', '--from-beginning', '--max-records', '2'];
  const consumed = await as('anna', 'consume', ...options);
  expect(consumed.out.toString()).toBe('one\ntwo\n');
  expect((await as('shop', 'consume', 'shop-a', '--from-beginning')).code).toBe(1);
});

test('those are listed that have a say in a name', async () => {
  await output('acls', 'create', '--deny-principal', 'User:*', '--operation', 'DELETE', '--topic', '*');
  await output(
    'acls',
    'create',
    '--allow-principal',
    'User:a',
    '--operation',
    'READ',
    '-t',
    'or',
    '--prefixed',
  );
  await output('acls', 'create', '--allow-principal', 'User:a', '--operation', 'READ', '-t', 'payments');
  expect(await output('acls', 'list', '--topic', 'orders', '--match')).toEqual([
    'TOPIC | * | DENY | DELETE | User:* | *',
    'TOPIC | or… | ALLOW | READ | User:a | *',
  ]);
  expect(await output('acls', 'list', '--topic', 'orders')).toEqual([]);
  expect(await output('acls', 'delete', '--all')).toHaveLength(3);
});

test.each([
  [['create', '--operation', 'READ', '--topic', 'x'], 1, 'Say whose'],
  [['create', '--allow-principal', 'User:a', '--operation', 'READ'], 1, 'Say of what'],
  [['create', '--allow-principal', 'User:a', '--topic', 'x'], 1, 'Say what'],
  [['create', '--allow-principal', 'anna', '--topic', 'x'], 2, "It must be 'User:' and a name"],
  [
    ['create', '--allow-principal', 'User:a', '--operation', 'SING', '--topic', 'x'],
    2,
    'It must be one of ALL',
  ],
  [['delete'], 1, 'Say which ACLs, or --all'],
])('%j is refused in one line', async (args, code, message) => {
  const { code: got, err } = await as('root', 'acls', ...args);
  expect(got).toBe(code);
  expect(err).toContain(message);
  expect(await output('acls', 'list')).toEqual([]);
});

test('quotas are set, listed, in effect, and deleted', async () => {
  await output('topics', 'create', 'orders');
  expect(await output('quotas', 'set', 'User:root', '--producer-byte-rate', '100')).toEqual([]);
  expect(await output('quotas', 'list')).toEqual(['User:root | 100 | -']);
  const send = () => run(cluster.url, ['--user', 'root', 'produce', 'orders'], `${'x'.repeat(5_000)}\n`);
  expect((await send()).code).toBe(0);
  const topic = `${cluster.url}/v3/clusters/${cluster.wadi.clusterId}/topics/orders/records`;
  const answer = await fetch(topic, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('root:')}`, 'content-type': 'application/json' },
    body: '{}',
  });
  expect([answer.status, Number(answer.headers.get('retry-after')) > 10]).toEqual([429, true]);
  await output('quotas', 'delete', 'User:root');
  expect(await output('quotas', 'list')).toEqual([]);
});

describe('who would take what an ACL protects, where the rest is everyone’s', () => {
  let open: LocalCluster;
  const inOpen = (user: string, line: string) => run(open.url, ['--user', user, ...line.split(' ')]);
  /** Of `anna`, who made the topic, and of whom an ACL says that nobody else may read it. */
  async function protect(...superUsers: string[]): Promise<void> {
    const authorizer = { superUsers: new Set(superUsers), allowEveryoneIfNoAclFound: true };
    open = await startLocalCluster({ authorizer });
    expect((await inOpen('anna', 'topics create orders')).code).toBe(0);
    const acl = 'acls create --allow-principal User:anna --operation ALL --topic orders';
    expect((await inOpen('root', acl)).code).toBe(0);
    expect((await inOpen('bob', 'topics describe orders')).code).toBe(1);
  }
  afterEach(() => open.close());
  const TAKE = 'acls create --allow-principal User:bob --operation ALL --topic orders';

  test('is refused, if there are super users, and so is who would lift it or set quotas', async () => {
    await protect('User:root');
    const tries = [TAKE, 'acls delete --all', 'acls list', 'quotas set User:anna --producer-byte-rate 1'];
    for (const line of tries) {
      const { code, err } = await inOpen('bob', line);
      expect([code, err]).toEqual([1, expect.stringMatching(/User:bob is not allowed \w+ on the cluster/)]);
    }
    expect((await inOpen('bob', 'topics describe orders')).code).toBe(1);
    expect((await inOpen('bob', 'topics create another')).code).toBe(0);
  });

  test('is not, if there are none: ACLs are everyone’s, too', async () => {
    await protect();
    expect((await inOpen('bob', TAKE)).code).toBe(0);
    expect((await inOpen('bob', 'topics describe orders')).code).toBe(0);
  });
});
