import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { credentialsOf } from '../../lib/cli/identity.ts';
import { run } from './support.ts';

/** What the SDK finds first. */
const ACCESS = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret' };
let before: NodeJS.ProcessEnv;
beforeAll(() => {
  before = { ...process.env };
  Object.assign(process.env, ACCESS);
});
afterAll(() => {
  process.env = before;
});

test('requests to a domain of your own are signed for the region that is given, and refused in a line without one', async () => {
  const came: (string | undefined)[] = [];
  const server = createServer(({ headers }, response) => {
    came.push(headers.authorization);
    response.writeHead(403).end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    for (const sign of [['--sign'], []]) {
      await run(url, [...sign, '--region', 'eu-west-1', 'topics', 'list']);
    }
    expect(came).toEqual([
      expect.stringContaining('/eu-west-1/execute-api/aws4_request'),
      expect.stringContaining('/eu-west-1/execute-api/aws4_request'),
    ]);
    expect(await run(url, ['--sign', 'topics', 'list'])).toMatchObject({
      code: 1,
      err: "wadi: '127.0.0.1' does not tell its region: give the option region\n",
    });
    expect(came).toHaveLength(2);
  } finally {
    server.close();
  }
});

test('a caller of the local cluster signs nothing', async () => {
  const { code, err } = await run('http://127.0.0.1:9', [
    '--user',
    'anna',
    '--region',
    'a',
    'topics',
    'list',
  ]);
  expect([code, err]).toEqual([2, expect.stringContaining('cannot be used with')]);
  expect(Object.keys(await credentialsOf({ user: 'anna' }))).toEqual(['headers']);
});
