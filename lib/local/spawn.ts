import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** A local cluster in a process of its own. */
export interface SpawnedCluster {
  readonly url: string;
  /** Sends the signal and waits for the end; a process that has ended already is no error. */
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

const root = new URL('../../', import.meta.url);

/** Starts what `npm start -- --port 0 --data <directory>` does, without npm in between, and waits until it is ready. */
export async function spawnCluster(directory: string): Promise<SpawnedCluster> {
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  const [, ...args] = (scripts.start as string).split(' ');
  const child = spawn(process.execPath, [...args, '--port', '0', '--data', directory], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /ready.*?(http:\/\/\S+)/.exec(line)?.[1];
    if (url === undefined) continue;
    child.stdout.resume();
    return { url, stop: (signal) => stop(child, signal) };
  }
  throw new Error('the local cluster ended before it was ready');
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  await exited;
}
