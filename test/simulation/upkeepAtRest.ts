import { nameUploadedAt } from '../../lib/log/blob.ts';
import {
  DUE_BUCKET_MS,
  DUE_PK,
  headUnit,
  parseDueKey,
  roundUpDue,
  SWEEP_UNIT,
  topicUnit,
} from '../../lib/log/due.ts';
import { decodeHead, headIndexOf, headKey, logStartOffset } from '../../lib/log/head.ts';
import { type AbsorbedRow, indexOf } from '../../lib/log/indexRow.ts';
import { beforeWork } from '../../lib/maintenance/lease.ts';
import { maintainHead } from '../../lib/maintenance/maintainHead.ts';
import { readRun } from '../../lib/maintenance/runs.ts';
import { PROBE_KEY } from '../../lib/replication/rejoin.ts';
import type { Topic } from '../../lib/topic/topic.ts';
import { DELETED_TOPIC_PK, TOPIC_PK } from '../../lib/topic/topicItem.ts';
import type { PropertyReport, Retain } from '../../lib/verify/history.ts';
import { type Aftermath, atRest, liveTopics, restingClock, storedBlobs } from './aftermath.ts';
import type { Client } from './clients/client.ts';
import { pause } from './clients/client.ts';
import { planBy, workThrough } from './clients/keeper.ts';
import { blobsInUse } from './invariants.ts';
import type { TopicPlan } from './scenario.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Until a topic that was deleted last has been purged twice, and marks have gone, by their due items alone. */
const WITHOUT_SWEEP_MS = 50 * HOUR_MS;
/** Until the sweep has found what had been missed, and marks are old. */
const WITH_SWEEP_MS = 5 * DAY_MS;
/** What is due is done by then, however many turns it takes. */
const MARKS_MS = 49 * HOUR_MS;
const SOON_MS = 30 * MINUTE_MS;
const MOST_ROUNDS = 400;
const ALL = 10_000;
/** What comes due later is none of this. */
const RUN_AGE_MS = 6 * DAY_MS;

/**
 * When nothing fails any more, what is due is done: heads are rolled, what is old is merged, garbage is collected, deleted topics are
 * purged. Where nothing was so late that only the sweep finds it, without the sweep.
 */
export async function checkUpkeep(aftermath: Aftermath, client: Client): Promise<PropertyReport> {
  const report = { property: 'what is due is done in the end', checked: 0, violations: [] as string[] };
  const look = (withSweep: boolean) => lookAround(aftermath, client, report, withSweep);
  if (client.upkeep!.isTimely) {
    await keepFor(aftermath, client, WITHOUT_SWEEP_MS);
    await look(false);
  }
  const swept = { ...client, upkeep: { ...client.upkeep!, isTimely: false } };
  await keepFor(aftermath, swept, WITH_SWEEP_MS);
  await look(true);
  return report;
}

/** As every five minutes, but for those in which nothing would happen. */
async function keepFor(aftermath: Aftermath, client: Client, forMs: number): Promise<void> {
  const { world, cloud } = aftermath;
  const endMs = world.nowMs + forMs;
  for (let rounds = 0; world.nowMs < endMs; rounds++) {
    if (rounds === MOST_ROUNDS) throw new Error('there is always something due');
    const process = client.anyProcess();
    await planBy(client, process);
    await pause(client, 1);
    await workThrough(client, 1);
    const { items } = await cloud.storage.log.query({ pk: DUE_PK, limit: ALL });
    const due = items
      .map(parseDueKey)
      .filter(({ unit }) => !(client.upkeep!.isTimely && unit === SWEEP_UNIT));
    const nextMs = Math.min(endMs, ...due.map(({ dueAtMs }) => dueAtMs));
    await pause(client, Math.max(DUE_BUCKET_MS, roundUpDue(nextMs) - world.nowMs));
  }
}

type Report = { checked: number; readonly violations: string[] };

async function lookAround(
  aftermath: Aftermath,
  client: Client,
  report: Report,
  withSweep: boolean,
): Promise<void> {
  const { cloud, world, recorder } = aftermath;
  const { log: items } = cloud.storage;
  const due = (await items.query({ pk: DUE_PK, limit: ALL })).items.map(parseDueKey);
  const isLeft = (what: string) => report.violations.push(`${withSweep ? '' : 'without the sweep, '}${what}`);
  for (const { unit, dueAtMs } of due) {
    report.checked++;
    if (dueAtMs < world.nowMs - SOON_MS && (withSweep || unit !== SWEEP_UNIT))
      isLeft(`${unit} has been due for ${Math.round((world.nowMs - dueAtMs) / MINUTE_MS)} minutes`);
  }
  const topics = await liveTopics(aftermath);
  const isMissed = (unit: string) => !withSweep && cloud.upkeep!.missed.has(unit);
  for (const topic of topics) {
    for (let index = 0; index <= headIndexOf(topic, topic.partitions - 1); index++) {
      if (isMissed(headUnit(topic.id, index))) continue;
      report.checked++;
      const left = await workLeft(aftermath, client, topic, index);
      if (left !== undefined) isLeft(`${topic.id}/${index}: ${left}`);
    }
    const unit = topicUnit(topic.id, 'garbage');
    const isUnderWay = due.some((one) => one.unit === unit && one.dueAtMs < world.nowMs + HOUR_MS + SOON_MS);
    if (isMissed(unit) || isUnderWay) continue;
    report.checked++;
    for await (const left of garbageLeft(aftermath, topic, withSweep)) isLeft(`${topic.id}: ${left}`);
  }
  const live = new Set(topics.map(({ id }) => id));
  for await (const left of remains(aftermath, live)) isLeft(left);
  report.checked += recorder.seen.size - live.size;
  await checkRuns(aftermath, isLeft);
}

/** A head's tail that is not rolled, or what else a worker would do of it. */
async function workLeft(
  aftermath: Aftermath,
  client: Client,
  topic: Topic,
  index: number,
): Promise<string | undefined> {
  const { objects, log: items } = aftermath.cloud.storage;
  const head = decodeHead((await items.get(headKey(topic.id, index)))!, topic, index);
  if (head.tail.length > 0 || head.rolling !== undefined) return `${head.tail.length} entries are not rolled`;
  // As it was some time ago: what has become due since may have to wait.
  const wouldWork = () => {
    throw new WorkLeft();
  };
  const clock = { ...restingClock(aftermath, -SOON_MS), random: wouldWork };
  const context = {
    ...beforeWork({ objects, items }, async () => wouldWork()),
    ...{ clock, limits: client.upkeep!.limits, logLimits: client.logLimits },
    ...{ deadlineMs: Number.POSITIVE_INFINITY, isOver: () => false },
  };
  try {
    await maintainHead(context, topic, index, { force: false });
    return undefined;
  } catch (error) {
    if (!(error instanceof WorkLeft)) throw error;
    return 'a worker would find work in it';
  }
}

class WorkLeft extends Error {}

/** Blobs that are not used, of which without the sweep nobody knows but those that were; dead rows; old marks. */
async function* garbageLeft(
  { cloud, world }: Aftermath,
  topic: Topic,
  withSweep: boolean,
): AsyncGenerator<string> {
  const { storage, upkeep, marksStay } = cloud;
  // What a run left that somebody asked for, and marks of rows below the log start, are left to the sweep.
  const isKnownMark = ({ absorbed, baseOffset }: AbsorbedRow) =>
    withSweep || (!upkeep!.groups.has('run') && absorbed !== baseOffset - 1);
  const inUse = await blobsInUse(storage, topic.id, marksStay);
  for (const name of await storedBlobs(storage, topic)) {
    const isKnown = withSweep || upkeep!.named.has(name);
    if (isKnown && !inUse.has(name) && nameUploadedAt(name) < world.nowMs - DAY_MS / 2)
      yield `the blob ${name} is left, unused`;
  }
  for (let partition = 0; partition < topic.partitions; partition++) {
    const index = headIndexOf(topic, partition);
    const head = decodeHead((await storage.log.get(headKey(topic.id, index)))!, topic, index);
    const start = logStartOffset(head, partition);
    const clock = restingClock({ world });
    const { rows } = await indexOf(storage.log, clock, topic.id, partition).from(0, ALL);
    for (const row of rows) {
      const isDead = row.absorbed === undefined && row.endOffset <= start;
      const isOld = row.absorbed !== undefined && row.absorbedAtMs < world.nowMs - MARKS_MS;
      if (isDead) yield `the row at ${row.baseOffset} of ${partition} is left, below ${start}`;
      if (isOld && isKnownMark(row)) yield `the mark at ${row.baseOffset} of ${partition} is left`;
    }
  }
}

/** Of topics that are gone. A lease is not looked for: a copy of one may come late, and holds nobody up. */
async function* remains({ cloud }: Aftermath, live: ReadonlySet<string>): AsyncGenerator<string> {
  const { objects, log, metadata } = cloud.storage;
  for (const { key } of (await objects.list('', { limit: ALL })).objects)
    if (key !== PROBE_KEY && !live.has(key.split('/')[0]!))
      yield `the object ${key} is left of a topic that is gone`;
  for (const pk of cloud.upkeep!.groups) {
    const [kind, topicId] = pk.split('/');
    if (topicId === undefined || live.has(topicId)) continue;
    for (const { sk } of (await log.query({ pk, limit: ALL })).items)
      yield `${kind} ${topicId} ${sk} is left of a topic that is gone`;
  }
  for (const pk of [DELETED_TOPIC_PK, TOPIC_PK]) {
    for (const item of (await metadata.query({ pk, limit: ALL })).items)
      if (item.id === undefined) yield `${pk} ${item.sk} is left, of a topic that is gone`;
  }
}

async function checkRuns(aftermath: Aftermath, isLeft: (line: string) => void): Promise<void> {
  const wadi = await atRest(aftermath);
  for (const runId of aftermath.recorder.runs) {
    if (Number(runId.split('-')[0]) < aftermath.world.nowMs - RUN_AGE_MS) continue;
    const run = await readRun(wadi, runId);
    // One that failed, an hour and more after it was asked for, is given up.
    const left = run?.units.filter(({ done, error }) => !done && error === undefined);
    if (left?.length !== 0) isLeft(`of the run ${runId}, ${left?.length ?? 'all'} units`);
  }
}

/** What workers took by a topic's configs, as if it had been noted when they did. */
export function noteRetention({ cloud, recorder }: Aftermath, topics: readonly TopicPlan[]): void {
  for (const { partition, atMs, clockMs } of cloud.upkeep?.starts ?? []) {
    const { name } = recorder.seen.get(partition.split('/')[0]!)!;
    const { configs } = topics.find((topic) => topic.name === name)!;
    const altered = recorder.retentions.filter((retention) => retention.name === name);
    const retentionMs = Math.min(
      ...[Number(configs['retention.ms']), ...altered.map(({ ms }) => ms)].map((ms) =>
        ms < 0 ? Number.POSITIVE_INFINITY : ms,
      ),
    );
    const retentionBytes = Number(configs['retention.bytes'] ?? -1);
    recorder.begin<Retain>({
      kind: 'retain',
      partition,
      invokedAtMs: atMs,
      returnedAtMs: Number.POSITIVE_INFINITY,
      via: 'a worker',
      expiredBefore: clockMs - retentionMs,
      keptBytes: retentionBytes < 0 ? Number.POSITIVE_INFINITY : retentionBytes,
      outcome: { is: 'unknown' },
    });
  }
}
