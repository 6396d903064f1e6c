import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClusterProcess, startProcess } from '../../local/spawn.ts';
import { MAX_VIOLATIONS, type PropertyReport } from '../../verify/history.ts';
import { CliError } from '../cliError.ts';

/** A local cluster of our own, which is killed while it is used. */
export interface LocalTarget {
  url(): string;
  /** Which of the processes, one after the other on the same directory, serves now. */
  via(): string;
  kills(): number;
  /** Kills (-9) and starts again: about every `everySeconds` if given, and once more after `stop`. */
  killUntil(stop: AbortSignal, everySeconds: number | undefined): Promise<void>;
  /** Whether any process ended by itself, or did not start. */
  report(): PropertyReport;
  close(): Promise<void>;
}

/** Its directory is removed at the end, unless `keep`; however this process ends, no other is left behind. */
export async function startLocal(keep: boolean): Promise<LocalTarget> {
  const directory = mkdtempSync(join(tmpdir(), 'wadi-verify-'));
  const killed = new Set<ClusterProcess>();
  const faults: string[] = [];
  let starts = 0;
  let kills = 0;
  let url = '';
  let cluster: ClusterProcess | undefined;

  const fault = (line: string) => {
    if (faults.length < MAX_VIOLATIONS) faults.push(line);
  };
  async function start(): Promise<void> {
    const name = `process ${++starts}`;
    // In a group of its own: Ctrl-C is for us to act upon.
    const started = startProcess(directory, { detached: true });
    cluster = started;
    started.ended.then((how) => {
      if (how !== 'SIGKILL' || !killed.has(started)) fault(`${name} ended by itself: ${how}`);
    });
    url = await started.ready;
  }
  function kill(): Promise<void> {
    if (cluster !== undefined) killed.add(cluster);
    return cluster?.stop('SIGKILL') ?? Promise.resolve();
  }
  function leave(): void {
    kill();
    if (!keep) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
  async function close(): Promise<void> {
    await kill();
    process.off('exit', leave);
    leave();
  }

  process.on('exit', leave);
  await start().catch(async ({ message }: Error) => {
    await close();
    throw new CliError(message);
  });
  return {
    url: () => url,
    via: () => `process ${starts}`,
    kills: () => kills,
    async killUntil(stop, everySeconds) {
      for (let last = false; !last; ) {
        const pauseMs = everySeconds === undefined ? undefined : jittered(everySeconds * 1_000);
        const ended = await Promise.race([pause(pauseMs, stop), cluster!.ended]);
        last = stop.aborted;
        // After the stop too: what was under way is cut off, and all that is read at the end comes from the disk.
        if (ended === undefined) kills++;
        await kill();
        // That it ended is noted as a fault: without it, there is nothing more to do.
        const isThere = await start().then(
          () => true,
          () => false,
        );
        if (!isThere) return;
      }
    },
    report: () => ({
      property: 'the local cluster ends only when it is killed',
      checked: starts,
      violations: faults,
    }),
    close,
  };
}

/** Until `stop`, or for so long. */
async function pause(ms: number | undefined, stop: AbortSignal): Promise<undefined> {
  if (stop.aborted) return;
  if (ms === undefined) await once(stop, 'abort');
  // Only the signal ends it early.
  else await sleep(ms, undefined, { signal: stop }).catch(() => undefined);
}

/** Half as long to half as long again. */
function jittered(ms: number): number {
  return randomInt(Math.ceil(ms / 2), Math.ceil(ms * 1.5) + 1);
}
