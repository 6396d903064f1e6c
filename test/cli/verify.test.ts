import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { runCli } from '../../lib/cli/runCli.ts';
import { type LocalCluster, startLocalCluster } from '../../lib/local/cluster.ts';
import { decodeBatch } from '../../lib/record/decode.ts';
import { encodeBatch } from '../../lib/record/encode.ts';
import { type Ran, run } from './support.ts';

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await startLocalCluster();
});
afterAll(() => cluster.close());

interface Passed {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/** Stands before the cluster, and may change what is asked of it and what it answers, or make it up. */
async function startProxy(
  lie: (
    request: IncomingMessage,
    body: Buffer,
    forward: (sent?: Buffer<ArrayBuffer>) => Promise<Passed>,
  ) => Promise<Passed>,
): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const forward = async (sent = body) => {
      const {
        host: _host,
        connection: _connection,
        'content-length': _length,
        ...headers
      } = request.headers as Record<string, string>;
      const answer = await fetch(`${cluster.url}${request.url}`, {
        method: request.method!,
        headers,
        ...(sent.length > 0 && { body: sent }),
      });
      return {
        status: answer.status,
        headers: Object.fromEntries(answer.headers),
        body: Buffer.from(await answer.arrayBuffer()),
      };
    };
    const { status, headers, body: answered } = await lie(request, body, forward);
    const { 'content-length': _length, 'transfer-encoding': _encoding, ...others } = headers;
    response.writeHead(status, others).end(answered);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Runs the command line without a `--url`. */
async function runAlone(args: readonly string[]): Promise<Ran> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const collected = Promise.all([stdout.toArray(), stderr.toArray()]);
  const code = await runCli(args, { stdin: Readable.from([]), stdout, stderr });
  stdout.end();
  stderr.end();
  const [out, err] = await collected;
  return { code, out: Buffer.concat(out), err: Buffer.concat(err).toString() };
}

/** What the table says of violations, by property; those that hold are left out. */
function violations({ out }: Ran): Record<string, number> {
  const rows = out.toString().matchAll(/^(.+?) {2,}\d+ +(\d+)(?: or more)?$/gm);
  return Object.fromEntries(
    [...rows].map(([, name, count]) => [name!, Number(count)]).filter(([, n]) => n !== 0),
  );
}

async function verifyThrough(lie: Parameters<typeof startProxy>[0], ...options: string[]): Promise<Ran> {
  const proxy = await startProxy(lie);
  try {
    return await run(proxy.url, ['verify', '--seconds', '1', ...options]);
  } finally {
    await proxy.close();
  }
}

test('all properties hold of a cluster that keeps its promises, and nothing of the check is left', async () => {
  const ran = await run(cluster.url, ['verify', '--seconds', '2']);
  expect({ code: ran.code, err: ran.err, violations: violations(ran) }).toEqual({
    code: 0,
    err: expect.not.stringContaining('wadi'),
    violations: {},
  });
  const checked = [...ran.out.toString().matchAll(/^(.+?) {2,}(\d+) +0$/gm)];
  expect(checked.map(([, property]) => property)).toHaveLength(18);
  // Each was put to the test.
  for (const [, property, count] of checked) expect([property, Number(count) > 0]).toEqual([property, true]);
  expect((await cluster.wadi.topics.list()).map(({ name }) => name)).toEqual([]);
}, 30_000);

test('a cluster that acknowledges what it does not append loses records', async () => {
  let lies = 0;
  const ran = await verifyThrough(async (request, body, forward) => {
    const isAppend =
      request.method === 'POST' && request.url!.startsWith('/v3/') && request.url!.endsWith('/records');
    if (!isAppend || request.headers['content-type'] !== 'application/json' || ++lies % 3 !== 0)
      return forward();
    const answers = body
      .toString()
      .split('\n')
      .map((_, i) => JSON.stringify({ error_code: 200, offset: 1e6 * lies + i }));
    return {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(answers.join('\n')),
    };
  });
  expect(lies).toBeGreaterThan(3);
  expect(ran.code).toBe(1);
  expect(Object.keys(violations(ran))).toContain('no acknowledged record is lost');
  expect(ran.out.toString()).toMatch(
    /wadi-verify-\w+\/\d: 'j\d+-\d+#\d+#[0-9a-f]+'.*, acknowledged at \d+000000 by ok append of .* is gone at the end/,
  );
}, 30_000);

test('a cluster that leaves a record out of a fetch has gaps', async () => {
  const ran = await verifyThrough(async (request, _body, forward) => {
    const answer = await forward();
    if (request.method !== 'GET' || !request.url!.includes('format=string')) return answer;
    const page = JSON.parse(answer.body.toString());
    if (page.records.length > 2) page.records.splice(1, 1);
    return { ...answer, body: Buffer.from(JSON.stringify(page)) };
  });
  expect(ran.code).toBe(1);
  expect(violations(ran)).toEqual({ 'offsets are contiguous': 10 });
  expect(ran.err).toMatch(
    /^wadi: topic (wadi-verify-\w+) is kept: 'wadi topics delete \1 --url http:\/\/\S+' removes it\nwadi: 1 of \d+ properties do not hold\n$/,
  );
}, 30_000);

test('a cluster that appends a batch for each time it is sent has it twice', async () => {
  const ran = await verifyThrough(async (request, body, forward) => {
    const raw = request.headers['content-type'] === 'application/vnd.wadi.recordbatch';
    // Without its producer, nobody can tell that a batch was sent before.
    if (!raw) return forward();
    const forgotten = Buffer.from(encodeBatch(decodeBatch(body)));
    await forward(forgotten);
    return forward(forgotten);
  });
  expect(ran.code).toBe(1);
  expect(Object.keys(violations(ran))).toContain('an idempotent batch is there once');
}, 30_000);

test('a read that is behind is not linearizable', async () => {
  let first: Passed | undefined;
  let reads = 0;
  const ran = await verifyThrough(
    async (request, _body, forward) => {
      if (!request.url!.endsWith('/partitions/0/offset') || ++reads > 20) return forward();
      first ??= await forward();
      return first;
    },
    '--partitions',
    '1',
  );
  expect(ran.code).toBe(1);
  expect(Object.keys(violations(ran))).toContain('append, read and tail are linearizable');
}, 30_000);

test('answers that never come, and 503s, are no violation', async () => {
  let requests = 0;
  const ran = await verifyThrough(async (request, _body, forward) => {
    if (request.method !== 'POST' || ++requests % 5 !== 0) return forward();
    await forward();
    return { status: 503, headers: {}, body: Buffer.from('{"error_code":50003}') };
  });
  expect({ code: ran.code, violations: violations(ran) }).toEqual({ code: 0, violations: {} });
  expect(ran.out.toString()).toMatch(/append unknown: 503 50003 +\d+/);
}, 30_000);

const isRawAppend = (request: IncomingMessage) =>
  request.headers['content-type'] === 'application/vnd.wadi.recordbatch';
const isJsonFetch = (request: IncomingMessage) =>
  request.method === 'GET' && request.url!.includes('format=string');
const refusal = (status: number, code: number): Passed => {
  return { status, headers: {}, body: Buffer.from(`{"error_code":${code}}`) };
};

test('a cluster that refuses what is right is of no use', async () => {
  const ran = await verifyThrough(async (request, _body, forward) =>
    isRawAppend(request) ? refusal(409, 40901) : forward(),
  );
  expect(ran.code).toBe(1);
  expect(violations(ran)).toEqual({
    'nobody is refused wrongly': 10,
    'every kind of client makes progress, at the end too': expect.any(Number),
  });
}, 30_000);

test('a kind of client that gets nothing but 500s makes no progress', async () => {
  let requests = 0;
  const ran = await verifyThrough(async (request, _body, forward) =>
    // Two readers ask ten times a second, for a second: at the end, all is well.
    request.url!.endsWith('/offset') && ++requests <= 25 ? refusal(500, 50002) : forward(),
  );
  expect(violations(ran)).toEqual({ 'every kind of client makes progress, at the end too': 1 });
  expect(ran.out.toString()).toMatch(/bounds: none of \d+ requests succeeded/);
}, 30_000);

test('a cluster that holds back what it has lets consumers starve', async () => {
  const ran = await verifyThrough(async (request, _body, forward) => {
    const answer = await forward();
    if (!isJsonFetch(request) || request.url!.includes('max_wait_ms=0')) return answer;
    const page = JSON.parse(answer.body.toString());
    const next_offset = Number(new URL(request.url!, 'http://x').searchParams.get('offset'));
    return { ...answer, body: Buffer.from(JSON.stringify({ ...page, next_offset, records: [] })) };
  });
  expect(violations(ran)).toEqual({ 'a fetch below the high watermark brings records': 10 });
}, 30_000);

test.each([
  ['key', { key: { type: 'STRING', data: 'another' } }],
  ['timestamp', { timestamp_ms: 1 }],
  ['headers', { headers: [{ name: 'trace', value: 'AAAA' }] }],
])(
  'a cluster that changes the %s of a record shows one that nobody sent',
  async (_, change) => {
    const ran = await verifyThrough(async (request, _body, forward) => {
      const answer = await forward();
      if (!isJsonFetch(request)) return answer;
      const page = JSON.parse(answer.body.toString());
      Object.assign(page.records.at(-1) ?? {}, change);
      return { ...answer, body: Buffer.from(JSON.stringify(page)) };
    });
    expect(ran.code).toBe(1);
    expect(Object.keys(violations(ran))).toContain('no record appears that nobody sent');
  },
  30_000,
);

test('a partition that cannot be read at the end is told, with the offset and the answer, at once', async () => {
  const ran = await verifyThrough(async (request, _body, forward) => {
    const url = new URL(request.url!, 'http://x');
    const isFinal = url.searchParams.get('max_wait_ms') === '0' && url.pathname.includes('/partitions/1/');
    return isFinal && url.searchParams.get('offset') === '0' ? refusal(404, 40403) : forward();
  });
  expect(ran.code).toBe(1);
  expect(violations(ran)).toMatchObject({ 'everything can be read at the end': 1 });
  expect(ran.out.toString()).toContain('partition 1 from offset 0 on: 404 40403');
  // The others were read.
  expect(ran.out.toString()).toMatch(/no acknowledged record is lost +[1-9]\d* +0/);
}, 20_000);

test('what was not put to the test is not said to hold', async () => {
  const ran = await run(cluster.url, ['verify', '--seconds', '1', '--consumers', '0']);
  expect(ran.code).toBe(0);
  expect(ran.out.toString()).toMatch(/^a consumer's polls skip and repeat nothing +0 +not tested$/m);
}, 30_000);

test.each([
  ['text/html', 200, '<html>'],
  ['text/html', 404, '<html>'],
  ['application/json', 200, '{}'],
  ['application/json', 200, 'null'],
  ['application/json', 200, '{"data":[]}'],
])('a server that is no Wadi, but answers %s, %i, %s, is told in one line', async (type, status, body) => {
  const other = await startProxy(async () => {
    return { status, headers: { 'content-type': type }, body: Buffer.from(body) };
  });
  try {
    expect(await run(other.url, ['verify', '--seconds', '1'])).toMatchObject({
      code: 1,
      err: `wadi: ${other.url} is no Wadi: GET /v3/clusters answers ${status}, ${type}\n`,
    });
  } finally {
    await other.close();
  }
});

test('a cluster that is not there is told in one line', async () => {
  expect(await run('http://127.0.0.1:1', ['verify', '--seconds', '1'])).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^wadi: No answer from http:\/\/127.0.0.1:1: .*\n$/),
  });
});

test('options that do not go together are refused', async () => {
  expect(await run(cluster.url, ['verify', '--local'])).toMatchObject({
    code: 2,
    err: "error: option '--local' cannot be used with option '--url'\n",
  });
  expect(await run(cluster.url, ['verify', '--kill-every', '3'])).toMatchObject({
    code: 2,
    err: "error: option '--kill-every' needs '--local'\n",
  });
});

test('a local cluster that is killed every second keeps its promises', async () => {
  const ran = await runAlone(['verify', '--local', '--kill-every', '1', '--seconds', '4']);
  expect({ code: ran.code, violations: violations(ran) }).toEqual({ code: 0, violations: {} });
  expect(Number(/^Kills \(-9\): (\d+)$/m.exec(ran.out.toString())![1])).toBeGreaterThan(1);
}, 60_000);

describe('with a cluster of its own,', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'wadi-signals-'));
  });
  afterEach(() => {
    // Nothing of it is left: no file, and no process that works on one.
    expect(readdirSync(directory)).toEqual([]);
    expect(clusterIn(directory)).toBeUndefined();
    rmSync(directory, { recursive: true });
  });

  function start(seconds = 60) {
    const main = join(import.meta.dirname, '../../lib/cli/main.ts');
    const verify = ['verify', '--local', '--seconds', String(seconds)];
    const args = ['--disable-warning=ExperimentalWarning', main, ...verify];
    const child = spawn(process.execPath, args, { env: { ...process.env, TMPDIR: directory } });
    const out = child.stdout.toArray();
    const ended = once(child, 'exit').then(async ([code]) => {
      return { code: code as number, out: Buffer.concat(await out).toString() };
    });
    return { child, ended };
  }

  test('a signal while it starts ends all of it', async () => {
    const { child, ended } = start();
    for (let tries = 0; tries < 100 && clusterIn(directory) === undefined; tries++) await sleep(50);
    child.kill('SIGTERM');
    expect(await ended).toEqual({ code: 143, out: '' });
  });

  test('it is told that a process ended although nobody killed it', async () => {
    const { child, ended } = start(7);
    await once(child.stderr, 'data');
    process.kill(clusterIn(directory)!, 'SIGTERM');
    const { code, out } = await ended;
    expect(code).toBe(1);
    expect(out).toMatch(/the local cluster ends only when it is killed +\d+ +1$/m);
    expect(out).toContain('process 1 ended by itself: exit code 0');
  }, 60_000);

  test('a signal during the load ends it with the tables', async () => {
    const { child, ended } = start();
    await once(child.stderr, 'data');
    child.kill('SIGHUP');
    const { code, out } = await ended;
    expect(code).toBe(0);
    expect(out).toMatch(/no acknowledged record is lost +[1-9]\d* +0/);
  }, 60_000);

  test('a second signal ends it at once', async () => {
    const { child, ended } = start();
    await once(child.stderr, 'data');
    const first = clusterIn(directory)!;
    child.kill('SIGINT');
    // The next process, out of which all is to be read, is held up.
    const isNext = (pid: number | undefined) => pid !== undefined && pid !== first;
    for (let tries = 0; tries < 100 && !isNext(clusterIn(directory)); tries++) await sleep(20);
    process.kill(clusterIn(directory)!, 'SIGSTOP');
    // npm sends each signal twice: what comes at once is no second one.
    child.kill('SIGINT');
    await sleep(550);
    child.kill('SIGINT');
    expect(await ended).toEqual({ code: 130, out: '' });
  }, 60_000);
});

/** The process of a local cluster whose data is below the directory. */
function clusterIn(directory: string): number | undefined {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,args=']).toString().split('\n');
  const line = lines.find((some) => some.includes('lib/local/main.ts') && some.includes(directory));
  return line === undefined ? undefined : Number.parseInt(line, 10);
}
