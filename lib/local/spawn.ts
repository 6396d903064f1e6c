import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Consistency } from './cluster.ts';

/** A local cluster in a process of its own. */
export interface SpawnedCluster {
  /** Of the first region, if there are several. */
  readonly url: string;
  /** Of each region, in their order. */
  readonly urls: ReadonlyMap<string, string>;
  /** Sends the signal and waits for the end; a process that has ended already is no error. */
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/** The same from the very start. */
export interface ClusterProcess extends Pick<SpawnedCluster, 'stop' | 'urls'> {
  /** Its URL, when all of `urls` are known; rejects if it ends before it serves. */
  readonly ready: Promise<string>;
  /** The signal that ended it, or `exit code <n>`. */
  readonly ended: Promise<string>;
}

const root = new URL('../../', import.meta.url);

export interface SpawnOptions {
  /** It is in a process group of its own, where Ctrl-C does not reach it. */
  readonly detached?: boolean;
  readonly regions?: readonly string[];
  /** Of their items. */
  readonly consistency?: Consistency;
  /** What it logs is not shown. */
  readonly isQuiet?: boolean;
}

/** Starts what `npm start -- --port 0 --data <directory>` does, without npm in between. */
export function startProcess(directory: string, options: SpawnOptions = {}): ClusterProcess {
  const { detached = false, regions, consistency = 'strong', isQuiet = false } = options;
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  const [, ...args] = (scripts.start as string).split(' ');
  const inRegions =
    regions === undefined ? [] : ['--regions', regions.join(','), '--consistency', consistency];
  const child = spawn(process.execPath, [...args, '--port', '0', '--data', directory, ...inRegions], {
    cwd: root,
    stdio: ['ignore', 'pipe', isQuiet ? 'ignore' : 'inherit'],
    detached,
  });
  const ended = new Promise<string>((resolve) => {
    child.once('error', ({ message }) => resolve(message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  const urls = new Map<string, string>();
  return {
    ready: Promise.race([urlIn(child.stdout, urls), ended.then(failToStart)]),
    ...{ urls, ended },
    async stop(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await ended;
    },
  };
}

/** Waits until it is ready. */
export async function spawnCluster(directory: string, options: SpawnOptions = {}): Promise<SpawnedCluster> {
  const { ready, urls, stop } = startProcess(directory, options);
  return { url: await ready, urls, stop };
}

/** As main.ts prints it: a line for each region, then one for all of it. */
function urlIn(stdout: NodeJS.ReadableStream, urls: Map<string, string>): Promise<string> {
  return new Promise((resolve) => {
    createInterface({ input: stdout }).on('line', (line) => {
      const [, region, at] = /^region (\S+) at (http:\/\/\S+)/.exec(line) ?? [];
      if (region !== undefined) urls.set(region, at!);
      const url = /ready.*?(http:\/\/\S+)/.exec(line)?.[1];
      if (url !== undefined) resolve(url);
    });
  });
}

function failToStart(how: string): never {
  throw new Error(`the local cluster ended before it was ready: ${how}`);
}
