import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** A local cluster in a process of its own. */
export interface SpawnedCluster {
  readonly url: string;
  /** Sends the signal and waits for the end; a process that has ended already is no error. */
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/** The same from the very start. */
export interface ClusterProcess extends Pick<SpawnedCluster, 'stop'> {
  /** Its URL; rejects if it ends before it serves. */
  readonly ready: Promise<string>;
  /** The signal that ended it, or `exit code <n>`. */
  readonly ended: Promise<string>;
}

const root = new URL('../../', import.meta.url);

/**
 * Starts what `npm start -- --port 0 --data <directory>` does, without npm in between. `detached`: it is in a process group
 * of its own, where Ctrl-C does not reach it.
 */
export function startProcess(directory: string, { detached = false } = {}): ClusterProcess {
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  const [, ...args] = (scripts.start as string).split(' ');
  const child = spawn(process.execPath, [...args, '--port', '0', '--data', directory], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached,
  });
  const ended = new Promise<string>((resolve) => {
    child.once('error', ({ message }) => resolve(message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  return {
    ready: Promise.race([urlIn(child.stdout), ended.then(failToStart)]),
    ended,
    async stop(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await ended;
    },
  };
}

/** Waits until it is ready. */
export async function spawnCluster(directory: string): Promise<SpawnedCluster> {
  const { ready, stop } = startProcess(directory);
  return { url: await ready, stop };
}

function urlIn(stdout: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve) => {
    createInterface({ input: stdout }).on('line', (line) => {
      const url = /ready.*?(http:\/\/\S+)/.exec(line)?.[1];
      if (url !== undefined) resolve(url);
    });
  });
}

function failToStart(how: string): never {
  throw new Error(`the local cluster ended before it was ready: ${how}`);
}
