import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { producer } from '../../lib/client/index.ts';
import { type LocalCluster, startLocalCluster } from '../../lib/local/cluster.ts';

const section = /^## The client\n(.*?)^## /ms.exec(readFileSync('README.md', 'utf8'))![1]!;
const [consumerCode, curlCode, producerCode] = [...section.matchAll(/^```\w+\n(.*?)^```$/gms)].map(
  ([, code]) => code!,
);
const curlIsThere = spawnSync('curl', ['--version']).status === 0;

let cluster: LocalCluster;

beforeEach(async () => {
  cluster = await startLocalCluster();
  await cluster.wadi.topics.create({ name: 'orders' });
  const { send, close } = producer({ url: cluster.url });
  await send({ topic: 'orders', records: [{ key: 'anna', value: '{"total":12}' }, { value: 'bread' }] });
  await close();
});
afterEach(() => cluster.close());

function start(command: string, ...args: string[]): { child: ChildProcess; output: () => string } {
  const child = spawn(command, args, {
    env: { ...process.env, URL: cluster.url },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout!.on('data', (chunk) => {
    output += chunk;
  });
  return { child, output: () => output };
}

/** Of the sources: what was built may be older. */
const client = new URL('../../lib/client/index.ts', import.meta.url);
const node = (code: string) =>
  start(process.execPath, '--input-type=module', '-e', code.replace("'wadi/client'", `'${client}'`));

async function committed(): Promise<number | undefined> {
  const [found] = await cluster.wadi.groups.committed('billing', [{ topic: 'orders', partition: 0 }]);
  return found?.offset;
}

test("README's consumer has ten lines, prints what is there, and commits it when it is interrupted", async () => {
  expect(consumerCode!.trimEnd().split('\n').length).toBeLessThanOrEqual(10);
  const { child, output } = node(consumerCode!);
  while (!output().includes('bread')) await once(child.stdout!, 'data');
  child.kill('SIGINT');
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(output()).toBe('0 0 {"total":12}\n0 1 bread\n');
  expect(await committed()).toBe(2);
});

test("README's producer makes a topic and appends to it", async () => {
  const { child, output } = node(`const url = process.env.URL;${producerCode}`);
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(output()).toMatch(/^[0-3] 0\n$/);
});

(curlIsThere ? test : test.skip)(
  `README's consumer with curl reads and commits${curlIsThere ? '' : ' (not run: no curl)'}`,
  async () => {
    const { child, output } = start('sh', '-c', curlCode!.replaceAll('curl ', 'curl -sS '));
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(output()).toContain('"value":"bread","partition":0,"offset":1');
    expect(output()).not.toContain('error_code');
    expect(output()).toMatch(/\[\]$/);
    expect(await committed()).toBe(2);
    expect((await cluster.wadi.groups.describe('billing')).members).toEqual([]);
  },
);
