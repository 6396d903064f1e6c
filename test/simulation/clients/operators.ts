import { collectGarbage } from '../../../lib/maintenance/collectGarbage.ts';
import { type CompactedPartition, compactPartition } from '../../../lib/maintenance/compactPartition.ts';
import type { GarbageCursor } from '../../../lib/maintenance/garbage.ts';
import { MAINTENANCE_LIMITS, type MaintenanceLimits } from '../../../lib/maintenance/limits.ts';
import { toReplicas } from '../../../lib/maintenance/maintainHead.ts';
import { mergePartition } from '../../../lib/maintenance/mergePartition.ts';
import { type RetentionContext, retainPartition } from '../../../lib/maintenance/retain.ts';
import type { Topic } from '../../../lib/topic/topic.ts';
import type { Compact, Retain } from '../../../lib/verify/history.ts';
import { count } from '../faults.ts';
import type { Process } from '../process.ts';
import {
  ask,
  type Client,
  currentTopic,
  isGone,
  isKafka,
  jobProcesses,
  noteTopic,
  pause,
  recordTime,
  requireRetriable,
  YOUNGEST,
} from './client.ts';
import { operationOn } from './readers.ts';

/** Adds partitions to its topic, or deletes it: then whoever comes next makes it anew. */
export function administrator(client: Client, operations: number): Promise<void> {
  return administer(client, operations, 0.6);
}

/** Adds partitions to its topic. */
export function grower(client: Client, operations: number): Promise<void> {
  return administer(client, operations, 1);
}

async function administer(client: Client, operations: number, growth: number): Promise<void> {
  const { random, recorder, world } = client;
  for (let n = 0; n < operations; n++) {
    await pause(client, client.slowness * random.between(100, 3_000));
    const { name, partitions } = await currentTopic(client);
    const grows = random.chance(growth);
    const askedAtMs = world.nowMs;
    const processes = [client.anyProcess(), client.another()].filter((process) => process !== undefined);
    const answers = await Promise.all(
      processes.map((process) => {
        const deletion = { name, endedAtMs: Number.POSITIVE_INFINITY };
        if (!grows) recorder.deletions.push(deletion);
        return ask(client, process, async ({ topics }) => {
          if (grows) return topics.addPartitions(name, partitions + 1);
          await topics.delete(name);
          deletion.endedAtMs = world.nowMs;
          return undefined;
        });
      }),
    );
    for (const { answer } of answers) {
      if (answer.is === 'ok' && answer.value !== undefined) noteTopic(client, answer.value, askedAtMs);
      if (answer.is !== 'error') continue;
      const error = recorder.failure(answer.error);
      // Another may have added it, or deleted the topic, before.
      if (!isKafka(error, 'INVALID_PARTITIONS') && !isGone(client, error))
        requireRetriable(client, error, 'administration');
    }
  }
}

/** Collects garbage with less patience than anyone should have: what was uploaded a moment ago may go. */
export async function collector(client: Client, operations: number): Promise<void> {
  const { random, recorder } = client;
  const limits: MaintenanceLimits = {
    ...MAINTENANCE_LIMITS,
    candidatesPerWindow: random.between(1, 20),
    rowsPerPage: random.between(2, 3),
    pagesPerStep: random.between(1, 3),
    stepsPerCall: random.between(5, 40),
    writesAtOnce: random.between(1, 4),
    ...(!client.marksStay && { markAgeMs: random.pick([0, 200, 5_000]) }),
  };
  let cursor: GarbageCursor | undefined;
  for (let n = 0; n < operations; n++) {
    await pause(client, random.chance(0.5) ? random.between(10, 100) : random.between(100, 2_000));
    const topic = await currentTopic(client);
    const options = { graceMs: random.pick([0, 5, 200, 2_000]), ...(cursor && { cursor }) };
    const processes = jobProcesses(client);
    const answers = await Promise.all(
      processes.map((process) =>
        ask(client, process, ({ storage, clock }) =>
          collectGarbage({ objects: storage.objects, items: storage.log, clock, limits }, topic, options),
        ),
      ),
    );
    for (const { answer } of answers) {
      if (answer.is === 'error') {
        const error = recorder.failure(answer.error);
        if (!isGone(client, error)) requireRetriable(client, error, 'garbage');
      }
      if (answer.is === 'ok') cursor = answer.value.cursor;
    }
  }
}

/** Merges whatever is there, in segments of a few records. */
export async function merger(client: Client, operations: number): Promise<void> {
  const { random, recorder } = client;
  const limits: MaintenanceLimits = {
    ...MAINTENANCE_LIMITS,
    rowsPerPage: random.between(1, 3),
    pieceBytes: random.pick([100, 300]),
    objectBytes: random.pick([100, 400, 2_000]),
    keepBytes: random.pick([80, 150, 500]),
    mergeBytes: random.pick([1, 100, 500]),
    mergeAgeMs: random.pick([0, 1_000]),
    settleMs: random.pick([0, 0, 200]),
    bytesPerRow: random.pick([100, 200, 1_000]),
    rowsPerMerge: random.between(1, 6),
    mergesPerCall: random.between(1, 3),
    slicesPerRead: random.between(1, 3),
    writesAtOnce: random.between(1, 4),
  };
  const nexts = new Map<string, number>();
  for (let n = 0; n < operations; n++) {
    await pause(client, random.chance(0.5) ? random.between(10, 100) : random.between(100, 2_000));
    const topic = await currentTopic(client);
    const partition = random.below(topic.partitions);
    const id = `${topic.id}/${partition}`;
    const next = random.chance(0.2) ? undefined : nexts.get(id);
    const options = {
      segmentBytes: random.pick([150, 600, 1_000_000]),
      force: random.chance(0.3),
      ...(next !== undefined && { next }),
    };
    const processes = jobProcesses(client);
    const answers = await Promise.all(
      processes.map((process) =>
        ask(client, process, ({ storage, clock }) =>
          mergePartition(
            { objects: toReplicas(storage.objects, topic), items: storage.log, clock, limits },
            topic,
            partition,
            options,
          ),
        ),
      ),
    );
    for (const { answer } of answers) {
      if (answer.is === 'error') recorder.failure(answer.error);
      if (answer.is === 'ok') nexts.set(id, answer.value.next);
    }
  }
}

/** Bytes of a map that holds one key more. */
const KEY_BYTES = 27;

/** Compacts its topic: few keys at a time, in small rows, and often not to the end. */
export async function compactor(client: Client, operations: number): Promise<void> {
  const { random, coverage } = client;
  const limits: MaintenanceLimits = {
    ...MAINTENANCE_LIMITS,
    rowsPerPage: random.between(2, 3),
    pieceBytes: random.pick([100, 300]),
    objectBytes: random.pick([100, 400, 2_000]),
    keepBytes: random.pick([80, 150, 500]),
    settleMs: random.pick([0, 0, 0, 200]),
    bytesPerRow: random.pick([100, 200, 1_000]),
    rowsPerMerge: random.between(2, 6),
    slicesPerRead: random.between(1, 3),
    readBytes: random.pick([100, 1_000]),
    writesAtOnce: random.between(1, 4),
    dedupeBufferBytes: KEY_BYTES * random.pick([3, 6, 12, 100]),
  };
  const cut = new Set<string>();
  for (let n = 0; n < operations; n++) {
    await pause(client, random.chance(0.5) ? random.between(10, 100) : random.between(100, 2_000));
    const topic = await currentTopic(client);
    const partition = random.below(topic.partitions);
    const segmentBytes = random.pick([150, 600, 1_000_000]);
    const endsInMs = random.pick([0, 10, 100, 1_000, 600_000]);
    const processes = jobProcesses(client);
    await Promise.all(
      processes.map(async (process) => {
        const options = { segmentBytes, deadlineMs: process.clock.now() + endsInMs };
        const done = await compact(client, process, topic, partition, limits, options);
        if (done === undefined) return;
        const id = `${topic.id}/${partition}`;
        if (done.rows > 0) count(coverage, 'rowsCleaned', done.rows);
        if (done.tombstonesRemoved > 0) count(coverage, 'tombstonesRemoved', done.tombstonesRemoved);
        if (done.more && done.rows > 0) {
          count(coverage, 'passCut');
          cut.add(id);
        } else if (!done.more && cut.delete(id)) {
          count(coverage, 'passFinished');
        }
      }),
    );
  }
}

/** One call, by the topic's configs, noted in the history. */
async function compact(
  client: Client,
  process: Process,
  topic: Topic,
  partition: number,
  limits: MaintenanceLimits,
  options: { readonly segmentBytes: number; readonly deadlineMs: number },
): Promise<CompactedPartition | undefined> {
  const { recorder, world } = client;
  const { minCleanableDirtyRatio, minCompactionLagMs, maxCompactionLagMs, deleteRetentionMs } = topic.configs;
  const note = recorder.begin<Compact>({
    ...operationOn(client, topic, partition, process.name),
    kind: 'compact',
    minCompactionLagMs,
    deleteRetentionMs,
    aheadMs: process.clock.now() - Math.floor(world.nowMs),
    outcome: { is: 'unknown' },
  });
  const { answer, returnedAtMs } = await ask(client, process, ({ storage, clock }) =>
    compactPartition(
      { objects: toReplicas(storage.objects, topic), items: storage.log, clock, limits },
      topic,
      partition,
      { ...options, minCleanableDirtyRatio, minCompactionLagMs, maxCompactionLagMs, deleteRetentionMs },
    ),
  );
  if (answer.is === 'ok') {
    note({ returnedAtMs, outcome: { is: 'ok' } });
    return answer.value;
  }
  if (answer.is === 'none') return undefined;
  const error = recorder.failure(answer.error);
  // What it had sent may yet land.
  note({ returnedAtMs: Number.POSITIVE_INFINITY, outcome: { is: 'unknown', error: error.kafka } });
  if (!isGone(client, error)) requireRetriable(client, error, 'compaction');
  return undefined;
}

/** Longer than any record of a history is old. */
const RETENTION_MS = 1_000_000;
/** Of one run: more than there are rows. */
const CALLS_PER_RUN = 1_000;

/** Lets records go by time and by size, some rows at a time. */
export async function retainer(client: Client, operations: number): Promise<void> {
  const { random, recorder } = client;
  const limits: MaintenanceLimits = {
    ...MAINTENANCE_LIMITS,
    rowsPerPage: random.between(1, 3),
    pagesPerStep: random.between(1, 3),
  };
  // As with a topic's configs: what is kept by size stays the same, and time goes on.
  const keptBytes = random.pick([
    Number.POSITIVE_INFINITY,
    random.between(1, 500),
    random.between(500, 3_000),
  ]);
  const { keys, configs } = client.topic;
  if (configs['cleanup.policy'] === 'compact') return;
  const byTime = random.chance(0.7);
  const expiredBefore = (n: number) => {
    if (!byTime) return Number.NEGATIVE_INFINITY;
    if (keys !== undefined) return recordTime(client) - random.pick([0, 2_000, 10_000]);
    return random.below(Math.ceil((YOUNGEST * (n + 1)) / operations));
  };
  const everything = () => [
    { expiredBefore: recordTime(client) + RETENTION_MS, keptBytes: Number.POSITIVE_INFINITY },
    { expiredBefore: Number.NEGATIVE_INFINITY, keptBytes: 0 },
  ];
  const isLast = (n: number) => n === operations - 1 && random.chance(0.3);
  for (let n = 0; n < operations; n++) {
    await pause(client, random.chance(0.5) ? random.between(10, 100) : random.between(100, 2_000));
    const topic = await currentTopic(client);
    const partition = random.below(topic.partitions);
    const rule = isLast(n) ? random.pick(everything()) : { expiredBefore: expiredBefore(n), keptBytes };
    const processes = jobProcesses(client);
    await Promise.all(
      processes.map(async (process) => {
        const note = recorder.begin<Retain>({
          ...operationOn(client, topic, partition, process.name),
          kind: 'retain',
          ...rule,
          outcome: { is: 'unknown' },
        });
        const { answer, returnedAtMs } = await ask(client, process, ({ storage, clock }) =>
          retain({ items: storage.log, clock, limits }, topic, partition, rule),
        );
        if (answer.is === 'ok') note({ returnedAtMs, outcome: { is: 'ok', ...answer.value } });
        if (answer.is !== 'error') return;
        const error = recorder.failure(answer.error);
        note({ returnedAtMs, outcome: { is: 'unknown' } });
        if (!isGone(client, error)) requireRetriable(client, error, 'retention');
      }),
    );
  }
}

/** Until it has come so far as it may. Its clock is that of the records, whose times have nothing to do with the world's. */
async function retain(
  { clock, ...context }: RetentionContext,
  topic: Topic,
  partition: number,
  { expiredBefore, keptBytes }: Pick<Retain, 'expiredBefore' | 'keptBytes'>,
): Promise<{ logStartOffset: number }> {
  const now = Number.isFinite(expiredBefore) ? expiredBefore + RETENTION_MS : RETENTION_MS;
  const retention = {
    retentionMs: Number.isFinite(expiredBefore) ? RETENTION_MS : -1,
    retentionBytes: Number.isFinite(keptBytes) ? keptBytes : -1,
  };
  for (let calls = 0; calls < CALLS_PER_RUN; calls++) {
    const then = { ...context, clock: { ...clock, now: () => now } };
    const { logStartOffset, nextDueAtMs } = await retainPartition(then, topic, partition, retention);
    if (nextDueAtMs !== now) return { logStartOffset };
  }
  throw new Error('a run of retention does not end');
}
