import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * What becomes of a request on its way: it arrives and is answered (`pass`), its connection breaks before or after it was
 * served, it is served so much later or after something else, or somebody on the way answers 503, before or after it was served.
 */
export type Fate =
  | 'pass'
  | 'lose-request'
  | 'lose-response'
  | 'unavailable'
  | 'unavailable-after'
  | { readonly lateMs: number }
  | { readonly after: Promise<unknown> };

export interface ProxyRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface TestProxy {
  readonly url: string;
  /** All that came, in order. */
  readonly requests: ProxyRequest[];
  /** Decides over each request; everything passes at first. */
  fate: (request: ProxyRequest) => Fate;
  close(): Promise<void>;
}

/** Stands between the client and `target`. */
export async function startProxy(target: string): Promise<TestProxy> {
  const server = createServer(async (request, response) => {
    const { method = 'GET', url = '/', headers } = request;
    const body = await bodyOf(request);
    const told: ProxyRequest = { method, path: url, headers, body };
    proxy.requests.push(told);
    const fate = proxy.fate(told);
    const forward = async () => {
      const { host: _, connection: __, 'content-length': ___, ...fields } = headers;
      const answer = await fetch(target + url, {
        method,
        headers: fields as Record<string, string>,
        ...(body.length > 0 && { body }),
      });
      return {
        status: answer.status,
        headers: answer.headers,
        bytes: Buffer.from(await answer.arrayBuffer()),
      };
    };
    try {
      if (typeof fate === 'object') {
        response.destroy();
        await ('after' in fate ? fate.after : delay(fate.lateMs));
        await forward();
        return;
      }
      if (fate === 'lose-request') return response.destroy();
      if (fate === 'unavailable') return response.writeHead(503).end('try again');
      const answer = await forward();
      if (fate === 'lose-response') return response.destroy();
      if (fate === 'unavailable-after') return response.writeHead(503).end('try again');
      response.writeHead(answer.status, [...answer.headers].flat()).end(answer.bytes);
    } catch {
      response.destroy();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: TestProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    fate: () => 'pass',
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Some of everything that can go wrong. */
export function weather(random: () => number): TestProxy['fate'] {
  const fates: Fate[] = ['lose-request', 'lose-response', 'unavailable', 'unavailable-after'];
  return () => {
    const drawn = random();
    if (drawn < 0.5) return 'pass';
    if (drawn < 0.6) return { lateMs: Math.round(random() * 300) };
    return fates[Math.floor(random() * fates.length)]!;
  };
}
