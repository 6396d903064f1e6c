import type { Clock } from '../../lib/clock.ts';
import { createGroups } from '../../lib/group/createGroups.ts';
import type { GroupLimits } from '../../lib/group/limits.ts';
import type { LogLimits } from '../../lib/log/limits.ts';
import type { ReplicationLimits } from '../../lib/replication/limits.ts';
import { createWadi, type Wadi } from '../../lib/wadi.ts';
import { type Cloud, connect, connectQueue, connectRegions } from './cloud.ts';
import { count, type Situation, type Weather } from './faults.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** A client gives up then, as API Gateway does. */
const CLIENT_TIMEOUT_MS = 30_000;
const FREEZES_MS = [50, 400, 3_000, 20_000, 90_000];
const AN_HOUR_MS = 3_600_000;

export type Answer<T> = { is: 'ok'; value: T } | { is: 'error'; error: unknown } | { is: 'none' };

/** One process of many, as a Lambda environment or a server is: Wadi's real code behind a network that fails. */
export interface Process {
  readonly name: string;
  /** Where it is, if there are several. */
  readonly region: string | undefined;
  /** It may do jobs of maintenance. */
  readonly isWorker: boolean;
  readonly clock: Clock;
  readonly alive: boolean;
  /** Sends a request; the answer is `none` if it does not come in time, or never will. */
  serve<T>(request: (wadi: Wadi) => Promise<T>, timeoutMs?: number): Promise<Answer<T>>;
  /** From here on none of its code runs. What it has sent is under way. */
  kill(): void;
  /** None of its code runs for a while, and it does not notice. */
  freeze(): void;
  /** Resolves at once, or when the process wakes. */
  awake(): Promise<void>;
  /** Runs code of the process: now, when it wakes, or, if it is dead, never. */
  enter(code: () => void): void;
}

export interface ProcessOptions {
  readonly name: string;
  readonly world: World;
  readonly weather: Weather;
  readonly cloud: Cloud;
  readonly random: Random;
  readonly limits: LogLimits;
  readonly groupLimits: GroupLimits;
  readonly skewMs: number;
  /** Its objects come from a bucket to which others' objects come late. */
  readonly remote: boolean;
  /** Where it is, if there are several. */
  readonly region?: string;
  readonly replicationLimits?: ReplicationLimits;
  readonly isWorker: boolean;
  /** Requests come in the order in which they were sent. */
  readonly ordered: boolean;
  /** Nobody waits for it, so it may be frozen for so long, too. */
  readonly longFreezesMs?: readonly number[];
  /** Told of errors that nobody waits for. */
  readonly warn: (error: unknown) => void;
}

export async function startProcess(options: ProcessOptions): Promise<Process> {
  const { name, world, weather, cloud, random, limits, skewMs, warn } = options;
  let alive = true;
  let frozen = false;
  /** Code that waits for the process to wake. */
  let waiting: (() => void)[] = [];
  const ends: (() => void)[] = [];

  const clock: Clock = {
    now: () => Math.floor(world.nowMs + skewMs),
    random: (length) => random.bytes(length),
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        signal?.addEventListener('abort', () => resolve(), { once: true });
        world.after(ms, () => process.enter(resolve));
      }),
  };

  function wake(frozenMs: number, movedBefore: Record<string, number>): void {
    frozen = false;
    if (frozenMs >= AN_HOUR_MS) count(weather.coverage, 'workerWoken');
    for (const [situation, before] of Object.entries(movedBefore)) {
      if (cloud.moves[situation as keyof Cloud['moves']] > before)
        count(weather.coverage, situation as Situation);
    }
    const held = waiting;
    waiting = [];
    for (const code of held) process.enter(code);
  }

  const process: Process = {
    name,
    region: options.region,
    isWorker: options.isWorker,
    clock,
    get alive() {
      return alive;
    },

    serve(request, timeoutMs = CLIENT_TIMEOUT_MS) {
      return new Promise((resolve) => {
        const lost = weather.strikes('answerLost', () => name);
        const arrives = random.between(0, 3);
        const returns = random.between(0, 3);
        const answer = (given: Parameters<typeof resolve>[0]) => {
          if (alive && !lost) world.after(returns, () => resolve(given));
        };
        const arrive = () =>
          process.enter(() => {
            request(wadi).then(
              (value) => answer({ is: 'ok', value }),
              (error) => answer({ is: 'error', error }),
            );
          });
        if (options.ordered) arrive();
        else world.after(arrives, arrive);
        // A connection that breaks is noticed at once, one that is silent after a while.
        if (!alive) world.after(returns, () => resolve({ is: 'none' }));
        ends.push(() => world.after(returns, () => resolve({ is: 'none' })));
        world.after(timeoutMs, () => resolve({ is: 'none' }));
      });
    },

    kill() {
      alive = false;
      world.trace(name, 'killed');
      for (const end of ends) end();
    },

    freeze() {
      if (frozen) return;
      frozen = true;
      const ms = random.pick([...FREEZES_MS, ...(options.longFreezesMs ?? [])]);
      world.trace(name, 'frozen', ms);
      const movedBefore = { ...cloud.moves };
      world.after(ms, () => wake(ms, movedBefore));
    },

    awake: () => new Promise((resolve) => process.enter(resolve)),

    enter(code) {
      if (!alive) return;
      if (frozen) waiting.push(code);
      else code();
    },
  };

  const connection = { process, world, weather, remote: options.remote };
  const storage = connect(cloud, connection);
  const queue = connectQueue(cloud, connection);
  const { region: local, replicationLimits } = options;
  const regions = local !== undefined && { regions: { local, all: connectRegions(cloud, connection) } };
  const created = await createWadi({
    ...{ storage, clock, queue, clusterId: 'simulated', limits, warn },
    ...(regions && { ...regions, ...(replicationLimits && { replicationLimits }) }),
  });
  const { log, topics, acls } = created;
  const { groupLimits: limitsOfGroups } = options;
  const groups = createGroups({ items: storage.groups, log, topics, acls, clock, limits: limitsOfGroups });
  const wadi = { ...created, groups };
  return process;
}
