import { parseDueKey, parseUnit, SWEEP_UNIT } from '../../../lib/log/due.ts';
import { MAINTENANCE_LIMITS, type MaintenanceLimits } from '../../../lib/maintenance/limits.ts';
import { plan } from '../../../lib/maintenance/planner.ts';
import { startRun } from '../../../lib/maintenance/runs.ts';
import { type Worked, work } from '../../../lib/maintenance/worker.ts';
import type { Compact } from '../../../lib/verify/history.ts';
import { count } from '../faults.ts';
import type { Process } from '../process.ts';
import { type Client, isKafka, jobProcesses, pause, requireRetriable } from './client.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const RETENTIONS_MS = [HOUR_MS, 6 * HOUR_MS];
/** As long as a function may run. */
const RUN_MS = 15 * MINUTE_MS;
/** Of one plan, those that are handed on included; what is left waits for the next. */
const MOST_MESSAGES = 60;

/** Has the planner plan now and then, and whatever has come of it worked on; sometimes asks for a run of everything. */
export async function keeper(client: Client, operations: number): Promise<void> {
  const { random, upkeep } = client;
  const { gapsMs } = upkeep!;
  const asksForRuns = random.chance(0.4);
  for (let n = 0; n < operations; n++) {
    await pause(client, random.pick(gapsMs));
    await Promise.all(jobProcesses(client).map((process) => planBy(client, process)));
    if (asksForRuns && random.chance(0.15)) await askForRun(client);
    if (random.chance(0.2)) await alterRetention(client);
    // Some messages are late.
    await pause(client, random.pick([0, 100, gapsMs[0]!]));
    await workThrough(client, random.between(1, 3));
  }
}

export async function planBy(client: Client, process: Process): Promise<void> {
  const { limits } = client.upkeep!;
  const answer = await process.serve((wadi) => plan(wadi, limits), RUN_MS);
  if (answer.is === 'error') requireRetriable(client, client.recorder.failure(answer.error), 'planning');
}

/** Whatever waits, some at once, each by any worker. */
export async function workThrough(client: Client, atOnce: number): Promise<void> {
  const { messages, upkeep } = client;
  for (let n = 0; n < MOST_MESSAGES && messages.length > 0; n += atOnce) {
    const some = messages.splice(0, atOnce);
    const wanted = upkeep!.isTimely ? some.filter((sk) => parseDueKey({ sk }).unit !== SWEEP_UNIT) : some;
    await Promise.all(
      wanted.flatMap((message) => jobProcesses(client).map((process) => workOn(client, process, message))),
    );
  }
}

/** One message, and what compaction may have done of it noted in the history. */
export async function workOn(
  client: Client,
  process: Process,
  message: string,
  timeoutMs = RUN_MS,
): Promise<Worked | undefined> {
  const { recorder, coverage, world, logLimits } = client;
  const notes = compactionsOf(client, process, message);
  const warn = (error: unknown) => recorder.failure(error);
  const options = { limits: limitsOf(client), logLimits, warn };
  const answer = await process.serve((wadi) => work(wadi, message, options), timeoutMs);
  if (answer.is === 'none') {
    if (!process.alive) count(coverage, 'workerKilled');
    return undefined;
  }
  if (answer.is === 'error') {
    requireRetriable(client, recorder.failure(answer.error), `work on ${message}`);
    return undefined;
  }
  for (const note of notes) note({ returnedAtMs: world.nowMs, outcome: { is: 'ok' } });
  const worked = answer.value;
  if (worked === undefined) count(coverage, 'workDoneBefore');
  if (worked?.outcome === 'held') count(coverage, 'workHeld');
  if (worked?.outcome === 'more') count(coverage, 'workHandedOn');
  if (worked?.counts.creationsAbandoned) count(coverage, 'creationAbandoned');
  const { objectsCopied = 0, regionsJoined = 0, regionsOut = 0 } = worked?.counts ?? {};
  if (objectsCopied > 0) count(coverage, 'objectsCopied', objectsCopied);
  if (objectsCopied > 0 && regionsJoined + regionsOut === 0 && worked?.outcome === 'done')
    count(coverage, 'scrubbed');
  if (worked?.unit.endsWith('/purge') && worked.counts.itemsReclaimed) count(coverage, 'topicPurged');
  return worked;
}

/** Where a region may be out, nobody holds up for long who brings it back. */
export function limitsOf({ upkeep, regionsPlan }: Client): MaintenanceLimits {
  const limits = upkeep?.limits ?? MAINTENANCE_LIMITS;
  if (regionsPlan === undefined) return limits;
  const { runMs, leaseMs } = regionsPlan;
  return { ...limits, runMs, leaseMs };
}

/** The run's id, if it is known to have begun, is kept. */
async function askForRun(client: Client): Promise<void> {
  const { recorder, coverage, upkeep } = client;
  const warn = (error: unknown) => recorder.failure(error);
  const answer = await client.anyProcess().serve(async (wadi) => {
    return startRun(wadi, undefined, upkeep!.limits, warn);
  });
  if (answer.is === 'error') requireRetriable(client, recorder.failure(answer.error), 'a run');
  if (answer.is !== 'ok') return;
  count(coverage, 'runAskedFor');
  recorder.runs.push(answer.value.runId);
}

/** What is old is old at once then. */
async function alterRetention(client: Client): Promise<void> {
  const { recorder, random, topics } = client;
  const { name } = random.pick(topics);
  const ms = random.pick(RETENTIONS_MS);
  recorder.retentions.push({ name, ms });
  const changes = [{ name: 'retention.ms', value: String(ms) }];
  const answer = await client.anyProcess().serve((wadi) => wadi.topics.alterConfigs(name, changes));
  if (answer.is !== 'error') return;
  const error = recorder.failure(answer.error);
  if (!isKafka(error, 'UNKNOWN_TOPIC_OR_PARTITION')) requireRetriable(client, error, 'new configs');
}

/** A unit may compact each partition of its topic, or of all. */
function compactionsOf({ recorder, topics, world }: Client, process: Process, message: string) {
  const { kind, topicId } = parseUnit(parseDueKey({ sk: message }).unit);
  if (kind !== 'head' && kind !== 'all' && kind !== 'configs' && kind !== 'sweep' && kind !== 'due')
    return [];
  return [...recorder.seen].flatMap(([id, { name, partitions }]) => {
    if (kind !== 'sweep' && kind !== 'due' && id !== topicId) return [];
    const plan = topics.find((topic) => topic.name === name)!;
    if (plan.keys === undefined) return [];
    return Array.from({ length: partitions }, (_, partition) =>
      recorder.begin<Compact>({
        kind: 'compact',
        partition: `${id}/${partition}`,
        invokedAtMs: world.nowMs,
        returnedAtMs: Number.POSITIVE_INFINITY,
        via: `${process.name} at ${message}`,
        minCompactionLagMs: Number(plan.configs['min.compaction.lag.ms'] ?? 0),
        deleteRetentionMs: Number(plan.configs['delete.retention.ms'] ?? DAY_MS),
        aheadMs: process.clock.now() - Math.floor(world.nowMs),
        outcome: { is: 'unknown' },
      }),
    );
  });
}
