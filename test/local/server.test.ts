import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { type LocalCluster, startLocalCluster } from '../../lib/local/cluster.ts';
import { MAX_BODY_BYTES } from '../../lib/rest/request.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';

const JSON_HEADERS = { 'content-type': 'application/json' };

let cluster: LocalCluster;
let topics: string;
beforeEach(async () => {
  cluster = await startLocalCluster();
  topics = `${cluster.url}/v3/clusters/${cluster.wadi.clusterId}/topics`;
  await cluster.wadi.topics.create({ name: 'orders' });
});
afterEach(() => cluster.close());

const produce = () =>
  fetch(`${topics}/orders/records`, {
    method: 'POST',
    headers: JSON_HEADERS,
    body: JSON.stringify({ value: { type: 'STRING', data: 'x' } }),
  });

const longPoll = (init: RequestInit = {}) =>
  fetch(`${topics}/orders/partitions/0/records?offset=latest&max_wait_ms=15000&min_bytes=1`, init);

/** Sends chunks without saying how many bytes they will be. */
async function sendChunked(chunks: Iterable<Uint8Array>): Promise<{ status: number; body: string }> {
  const request = httpRequest(topics, { method: 'POST', headers: JSON_HEADERS });
  request.on('error', () => undefined);
  const answered = once(request, 'response') as Promise<[IncomingMessage]>;
  for (const chunk of chunks)
    if (!request.write(chunk)) await Promise.race([once(request, 'drain'), answered]);
  request.end();
  const [response] = await answered;
  return { status: response.statusCode!, body: await text(response) };
}

test('a body in chunks is read to its end', async () => {
  const body = Buffer.from(JSON.stringify({ topic_name: 'chunked', validate_only: true }));
  const bytes = Array.from(body, (byte) => Uint8Array.of(byte));
  expect((await sendChunked(bytes)).status).toBe(200);
});

test('a body in chunks above the limit is refused', async () => {
  const chunk = Buffer.alloc(64 * 1024, 0x20);
  const count = Math.ceil(MAX_BODY_BYTES / chunk.length) + 1;
  const { status, body } = await sendChunked(Array.from({ length: count }, () => chunk));
  expect([status, JSON.parse(body).error_code]).toEqual([413, 413]);
});

test('a body without end is cut off', async () => {
  const { port } = new URL(cluster.url);
  const socket = connect(Number(port), '127.0.0.1').on('error', () => undefined);
  socket.write('POST /topics/orders HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n');
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(0x100000), Buffer.from('\r\n')]);
  for (let sent = 0; sent < 200 && !socket.destroyed; sent++) {
    await new Promise((resolve) => socket.write(chunk, resolve));
  }
  expect(socket.destroyed).toBe(true);
});

test('a client that goes away in the middle of its body harms nobody', async () => {
  const { port } = new URL(cluster.url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(`POST /topics/orders HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nhalf of it`);
  await delay(50);
  socket.destroy();
  expect((await produce()).status).toBe(200);
});

test('one connection serves many requests', async () => {
  const { port } = new URL(cluster.url);
  const socket = connect(Number(port), '127.0.0.1');
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk;
  });
  for (const path of ['/health', '/nope', '/health']) {
    const before = received.length;
    socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
    while (!/\}$/.test(received.slice(before))) await once(socket, 'data');
  }
  expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200']);
  socket.destroy();
});

test('a waiting fetch ends when its client goes away', async () => {
  const client = new AbortController();
  let signal: AbortSignal | undefined;
  const { log } = cluster.wadi;
  const { fetch: original } = log;
  log.fetch = (topic, request) => {
    signal = request.signal;
    return original(topic, request);
  };
  const waiting = longPoll({ signal: client.signal }).catch(() => undefined);
  while (signal === undefined) await delay(5);
  client.abort();
  await waiting;
  while (!signal.aborted) await delay(5);
  expect(signal.aborted).toBe(true);
});

test('closing answers those who wait and closes the storage', async () => {
  const storage = memoryStorage();
  let closed = 0;
  const other = await startLocalCluster({
    storage: {
      ...storage,
      close: async () => {
        closed += 1;
      },
    },
  });
  await other.wadi.topics.create({ name: 'orders' });
  const path = `/v3/clusters/${other.wadi.clusterId}/topics/orders/partitions/0/records`;
  const waiting = fetch(`${other.url}${path}?max_wait_ms=15000&min_bytes=1`);
  await delay(100);
  const began = Date.now();
  await other.close();
  expect(Date.now() - began).toBeLessThan(5_000);
  expect((await waiting).status).toBe(200);
  expect(closed).toBe(1);
  await expect(fetch(`${other.url}/health`)).rejects.toThrow();
});

test('a cluster that cannot listen closes the storage that it opened', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  let closed = 0;
  const storage = {
    ...memoryStorage(),
    close: async () => {
      closed += 1;
    },
  };
  const { port } = taken.address() as AddressInfo;
  await expect(startLocalCluster({ port, storage })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  expect(closed).toBe(1);
  taken.close();
});

test('who asks before he sends too much is refused before he has sent it, and who asks for little is let', async () => {
  const ask = async (length: number): Promise<string> => {
    const { hostname, port } = new URL(cluster.url);
    const socket = connect(Number(port), hostname);
    const headers = `host: x\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: ${length}`;
    socket.write(`POST ${new URL(topics).pathname} HTTP/1.1\r\n${headers}\r\n\r\n`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    return answer.toString().split('\r\n')[0]!;
  };
  expect(await ask(99_999_999)).toBe('HTTP/1.1 413 Payload Too Large');
  expect(await ask(20)).toBe('HTTP/1.1 100 Continue');
});
