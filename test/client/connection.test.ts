import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, type SignableRequest } from '../../lib/client/connection.ts';

type Serve = (request: IncomingMessage, response: ServerResponse) => void;

/** A server that answers as it is told to, and the requests that came to it. */
async function serve(answer: Serve): Promise<{ url: string; came: IncomingMessage[] } & AsyncDisposable> {
  const came: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    came.push(request);
    request.resume();
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    came,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const json = (response: ServerResponse, status: number, body: unknown, headers = {}) =>
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
const quick = { retryBackoffMs: 1, retryBackoffMaxMs: 2 };
const get = { method: 'GET', path: '/x' } as const;

test('signs each attempt by what is sent', async () => {
  await using server = await serve((_, response) => json(response, server.came.length < 2 ? 503 : 200, {}));
  const signed: SignableRequest[] = [];
  const { call } = connect({
    url: `${server.url}/stage/`,
    headers: { 'x-always': 'a' },
    requestSigner: async (request) => {
      signed.push(request);
      return { authorization: `signature ${signed.length}` };
    },
    ...quick,
  });
  await call({ method: 'POST', path: '/x', query: { a: 1, b: undefined }, body: { c: 2 } });
  expect(signed).toHaveLength(2);
  expect(signed[0]).toMatchObject({
    method: 'POST',
    url: `${server.url}/stage/x?a=1`,
    headers: { 'x-always': 'a', 'content-type': 'application/json' },
  });
  expect(Buffer.from(signed[0]!.body!).toString()).toBe('{"c":2}');
  expect(server.came.map(({ url, headers }) => [url, headers.authorization, headers['x-always']])).toEqual([
    ['/stage/x?a=1', 'signature 1', 'a'],
    ['/stage/x?a=1', 'signature 2', 'a'],
  ]);
});

test.each([
  ['says that it may help', 500, { retriable: true }, 2],
  ['says that it does not', 503, { retriable: false }, 1],
  ['says nothing, and is a gateway that may', 502, 'html', 2],
  ['says nothing, and refuses', 403, { message: 'Forbidden' }, 1],
  ['asks for less', 429, {}, 2],
])('repeats what is answered by an error that %s', async (_, status, body, times) => {
  await using server = await serve((_, response) =>
    server.came.length === 1 ? json(response, status, body) : json(response, 200, { ok: true }),
  );
  const calling = connect({ url: server.url, ...quick }).call(get);
  if (times === 2) expect(await calling).toEqual({ ok: true });
  else await expect(calling).rejects.toMatchObject({ status, kafka: 'UNKNOWN_SERVER_ERROR' });
  expect(server.came).toHaveLength(times);
});

test('waits as long as it is asked to, in seconds or until a date', async () => {
  const times: number[] = [];
  await using server = await serve((_, response) => {
    times.push(Date.now());
    if (times.length === 1) json(response, 503, {}, { 'retry-after': '1' });
    else if (times.length === 2)
      json(response, 503, {}, { 'retry-after': new Date(Date.now() + 2_000).toUTCString() });
    else json(response, 200, {});
  });
  await connect({ url: server.url, ...quick }).call(get);
  expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(1_000);
  // A date has whole seconds.
  expect(times[2]! - times[1]!).toBeGreaterThan(900);
});

test('does not begin to wait for what would come too late', async () => {
  await using server = await serve((_, response) => json(response, 503, {}, { 'retry-after': '60' }));
  const beganMs = Date.now();
  const calling = connect({ url: server.url, apiTimeoutMs: 5_000 }).call(get);
  await expect(calling).rejects.toMatchObject({ status: 503, outcome: 'unknown' });
  expect(Date.now() - beganMs).toBeLessThan(2_000);
});

test('gives up an attempt that takes too long, and says that it does not know', async () => {
  await using server = await serve(() => undefined);
  const calling = connect({ url: server.url, requestTimeoutMs: 300, apiTimeoutMs: 2_000, ...quick }).call(
    get,
  );
  await expect(calling).rejects.toMatchObject({
    kafka: 'REQUEST_TIMED_OUT',
    status: 0,
    outcome: 'unknown',
    retriable: true,
  });
  expect(server.came.length).toBeGreaterThan(1);
});

test('a refusal after an attempt that nobody answered says that it does not know', async () => {
  await using server = await serve((_, response) =>
    server.came.length === 1 ? response.destroy() : json(response, 400, { kafka_error_code: 42, field: 'a' }),
  );
  const calling = connect({ url: server.url, ...quick }).call(get);
  await expect(calling).rejects.toMatchObject({
    kafka: 'INVALID_REQUEST',
    status: 400,
    field: 'a',
    outcome: 'unknown',
  });
});

test('ends with the reason of its signal, under way and between attempts', async () => {
  await using server = await serve((request, response) => {
    if (request.url === '/busy') json(response, 503, {}, { 'retry-after': '5' });
  });
  const { call } = connect({ url: server.url });
  for (const path of ['/silent', '/busy']) {
    const reason = new Error('mine');
    const stop = new AbortController();
    setTimeout(() => stop.abort(reason), 50);
    await expect(call({ method: 'GET', path }, { signal: stop.signal })).rejects.toBe(reason);
    await expect(call({ method: 'GET', path }, { signal: stop.signal })).rejects.toBe(reason);
  }
  expect(server.came).toHaveLength(2);
});

test('takes a 200 that is cut off, or not of the API, for no answer', async () => {
  await using server = await serve((_, response) => {
    if (server.came.length === 1) response.end('<html>');
    else json(response, 200, { ok: true });
  });
  expect(await connect({ url: server.url, ...quick }).call(get)).toEqual({ ok: true });
});

test.each(['ftp://x', 'x', ''])('refuses %j as a URL', (url) => {
  expect(() => connect({ url })).toThrow('is not an HTTP URL');
});

describe('of several regions', () => {
  const closed = 'http://127.0.0.1:1';

  test('the next is asked when one gives no answer, and stays the one that is asked', async () => {
    await using server = await serve((_, response) => json(response, 200, {}));
    const { call } = connect({ url: [closed, server.url], ...quick });
    await call(get);
    await call(get);
    expect(server.came).toHaveLength(2);
  });

  test('the next is asked when one cannot serve, and the first again when the next cannot', async () => {
    await using first = await serve((_, response) => json(response, first.came.length === 1 ? 503 : 200, {}));
    await using second = await serve((_, response) => json(response, 500, { retriable: true }));
    const { call } = connect({ url: `${first.url}, ${second.url}/`, ...quick });
    await call(get);
    expect([first.came.length, second.came.length]).toEqual([2, 1]);
  });

  test('a refusal is that of all: nobody else is asked', async () => {
    await using first = await serve((_, response) => json(response, 404, { kafka_error_code: 3 }));
    await using second = await serve((_, response) => json(response, 200, {}));
    const { call } = connect({ url: [first.url, second.url], ...quick });
    await expect(call(get)).rejects.toMatchObject({ kafka: 'UNKNOWN_TOPIC_OR_PARTITION' });
    expect(second.came).toEqual([]);
  });

  test('too few regions in sync are too few for all: the same one is asked again', async () => {
    await using first = await serve((_, response) =>
      json(response, first.came.length < 3 ? 503 : 200, { kafka_error_code: 19, retriable: true }),
    );
    await using second = await serve((_, response) => json(response, 200, {}));
    const { call } = connect({ url: [first.url, second.url], ...quick });
    await call(get);
    expect([first.came.length, second.came.length]).toEqual([3, 0]);
  });

  test('a list without URLs, or with one that is none, is refused', () => {
    expect(() => connect({ url: [] })).toThrow('there is no URL');
    expect(() => connect({ url: `${closed},b` })).toThrow("'b' is not an HTTP URL");
  });
});
