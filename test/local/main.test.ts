import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const ROOT = join(import.meta.dirname, '../..');

let directory: string;
const running = new Set<ChildProcess>();
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'wadi-'));
});
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
  rmSync(directory, { recursive: true });
});

function run(...args: string[]): ChildProcess {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', 'lib/local/main.ts', ...args],
    {
      cwd: ROOT,
    },
  );
  running.add(child);
  return child;
}

/** Starts it and reads what it prints until the last line of the examples. */
async function start(...args: string[]) {
  const child = run('--port', '0', '--data', join(directory, 'data'), ...args);
  const lines: string[] = [];
  for await (const line of createInterface(child.stdout!)) {
    lines.push(line);
    if (line.includes('openapi.json')) break;
  }
  const url = /http:\S+/.exec(lines.find((line) => line.includes('ready')) ?? '')![0];
  return { child, lines, url };
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode];
  return code;
}

async function failure(...args: string[]): Promise<{ code: number | null; err: string }> {
  const child = run(...args);
  let err = '';
  child.stderr!.on('data', (chunk) => {
    err += chunk;
  });
  await once(child, 'close');
  return { code: child.exitCode, err };
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  'it serves until %s and keeps what it was given',
  async (signal) => {
    const first = await start();
    expect(first.lines.filter((line) => line.includes('ready'))).toEqual([`wadi ready at ${first.url}`]);
    const { data } = (await (await fetch(`${first.url}/v3/clusters`)).json()) as {
      data: { cluster_id: string }[];
    };
    expect(first.lines.join('\n')).toContain(`${first.url}/v3/clusters/${data[0]!.cluster_id}/topics`);
    await fetch(`${first.url}/admin/topics`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"topic_name":"kept"}',
    });
    first.child.kill(signal);
    expect(await exitOf(first.child)).toBe(0);

    const second = await start();
    expect(await (await fetch(`${second.url}/topics`)).json()).toEqual(['kept']);
  },
);

test('super users of the command line may change ACLs, and nobody else', async () => {
  const { url } = await start('--storage', 'memory', '--super-user', 'User:root');
  const { data } = (await (await fetch(`${url}/v3/clusters`)).json()) as { data: { cluster_id: string }[] };
  const createAs = async (user: string) => {
    const { status } = await fetch(`${url}/v3/clusters/${data[0]!.cluster_id}/acls`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Basic ${btoa(`${user}:`)}` },
      body: JSON.stringify({
        ...{ resource_type: 'TOPIC', resource_name: 'orders', pattern_type: 'LITERAL' },
        ...{ principal: 'User:bob', host: '*', operation: 'ALL', permission: 'ALLOW' },
      }),
    });
    return status;
  };
  expect([await createAs('bob'), await createAs('root')]).toEqual([403, 201]);
});

test('a port that is taken is told in one line', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const { code, err } = await failure('--storage', 'memory', '--port', String(port));
  expect(code).toBe(1);
  expect(err).toMatch(new RegExp(`^wadi: port ${port} is in use.*\n$`));
  taken.close();
});

test('a data directory that is a file is told in one line', async () => {
  const file = join(directory, 'file');
  writeFileSync(file, '');
  const { code, err } = await failure('--port', '0', '--data', file);
  expect([code, err.trim().split('\n').length]).toEqual([1, 1]);
  expect(err).toContain(file);
});

test.each([
  ['--port', '65536'],
  ['--port', 'x'],
  ['--storage', 'paper'],
  ['--unknown', '1'],
])('%s %s is refused', async (...args) => {
  const { code, err } = await failure(...args);
  expect(code).toBe(1);
  expect(err).toContain(args[0]);
});
