import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { ItemTables } from '../../lib/storage/ports.ts';
import { TABLES } from '../../lib/storage/ports.ts';
import { type Emulator, startDynamoDb } from '../support/emulators.ts';

type Running = Exclude<Emulator, { unavailable: string }>;

/** One endpoint for the tables of several regions, each with an emulator of its own: requests are told apart by the region they are signed for. */
export async function startRegionalDynamoDb(regions: readonly string[]): Promise<Running> {
  const emulators = new Map<string, Running>();
  for (const region of regions) emulators.set(region, (await startDynamoDb('dynalite')) as Running);
  const server = createServer((incoming, outgoing) => {
    const [, region] = /Credential=[^/]+\/\d+\/([\w-]+)\//.exec(incoming.headers.authorization ?? '') ?? [];
    const to = new URL(emulators.get(region!)!.endpoint);
    const { method, headers } = incoming;
    const onward = request({ host: to.hostname, port: to.port, path: '/', method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers);
      pipeline(answer, outgoing).catch(() => outgoing.destroy());
    });
    pipeline(incoming, onward).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      for (const emulator of emulators.values()) await emulator.stop();
    },
  };
}

/** What a global table does, once: of items that both have, the one that is given counts. */
export async function replicate(from: ItemTables, to: ItemTables): Promise<void> {
  for (const table of TABLES) {
    const { items, next } = await from[table].scan({ limit: 1_000 });
    if (next !== undefined) throw new Error('more than a page');
    for (const item of items) await to[table].put(item);
  }
}
