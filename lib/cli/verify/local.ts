import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnCluster } from '../../local/spawn.ts';

/** A local cluster of our own, which is killed while it is used. */
export interface LocalTarget {
  url(): string;
  /** Which of the processes, one after the other on the same directory, serves now. */
  via(): string;
  kills(): number;
  /** Kills (-9) and starts again: about every `everySeconds` if given, and once more after `stop`. */
  killUntil(stop: AbortSignal, everySeconds: number | undefined): Promise<void>;
  /** Ends it, and removes its directory unless that is to be kept; returns where it is kept. */
  close(keep: boolean): Promise<string | undefined>;
}

export async function startLocal(): Promise<LocalTarget> {
  const directory = await mkdtemp(join(tmpdir(), 'wadi-verify-'));
  let kills = 0;
  let cluster = await spawnCluster(directory).catch(async (error) => {
    await rm(directory, { recursive: true, force: true });
    throw error;
  });

  async function restart(): Promise<void> {
    await cluster.stop('SIGKILL');
    kills++;
    cluster = await spawnCluster(directory);
  }

  return {
    url: () => cluster.url,
    via: () => `process ${kills + 1}`,
    kills: () => kills,
    async killUntil(stop, everySeconds) {
      while (!stop.aborted) {
        const pauseMs = everySeconds === undefined ? undefined : jittered(everySeconds * 1_000);
        await pause(pauseMs, stop);
        // After the stop too: what was under way is cut off, and all that is read at the end comes from the disk.
        await restart();
      }
    },
    async close(keep) {
      await cluster.stop('SIGKILL');
      if (keep) return directory;
      await rm(directory, { recursive: true, force: true });
      return undefined;
    },
  };
}

/** Until `stop`, or for so long. */
async function pause(ms: number | undefined, stop: AbortSignal): Promise<void> {
  if (ms === undefined) await once(stop, 'abort');
  // Only the signal ends it early.
  else await sleep(ms, undefined, { signal: stop }).catch(() => undefined);
}

/** Half as long to half as long again. */
function jittered(ms: number): number {
  return randomInt(Math.ceil(ms / 2), Math.ceil(ms * 1.5) + 1);
}
