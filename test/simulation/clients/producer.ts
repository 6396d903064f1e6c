import type { WadiError } from '../../../lib/errors.ts';
import type { AppendResult } from '../../../lib/log/log.ts';
import type { ValidBatch } from '../../../lib/record/record.ts';
import type { Topic } from '../../../lib/topic/topic.ts';
import type { Append, AppendOutcome, SentBatch, SentKey } from '../../../lib/verify/history.ts';
import { batch } from '../../support/log.ts';
import { count } from '../faults.ts';
import type { Process } from '../process.ts';
import {
  ask,
  type Client,
  currentTopic,
  durabilityOf,
  isGone,
  isKafka,
  patience,
  pause,
  recordTime,
  requireRetriable,
  think,
} from './client.ts';

interface Sent extends SentBatch {
  readonly encoded: ValidBatch;
}

/** What a request holds for one partition. */
interface Unit {
  readonly partition: number;
  readonly batches: readonly Sent[];
}

type UnitAnswer = { is: 'ok' } | { is: 'error'; error: WadiError } | { is: 'none' };

/** Sends each batch once: what became of those that got no answer it never learns. */
export async function plainProducer(client: Client, operations: number): Promise<void> {
  const { random } = client;
  let topic = await currentTopic(client);
  const sequences = new Map<number, number>();
  for (let n = 0; n < operations; n++) {
    await think(client);
    const units = partitionsFor(client, topic).map((partition): Unit => {
      const batches = Array.from({ length: random.between(1, 2) }, () => {
        const values = newValues(client, `${n}.${partition}`, sequences.get(partition) ?? 0);
        const sequence = sequences.get(partition) ?? 0;
        sequences.set(partition, sequence + values.length);
        return newBatch(client, values, sequence, undefined);
      });
      return { partition, batches };
    });
    const answers = await send(client, client.anyProcess(), topic, units);
    const errors = answers.flatMap((answer) => (answer.is === 'error' ? [answer.error] : []));
    for (const error of errors) {
      if (isGone(client, error)) topic = await currentTopic(client);
      else requireRetriable(client, error, 'append');
    }
  }
}

/** Sends each batch until it is acknowledged, with up to `inFlight` requests at a time. */
export async function idempotentProducer(
  client: Client,
  operations: number,
  inFlight: number,
): Promise<void> {
  const { random } = client;
  let session = newSession(client, await currentTopic(client), 0);
  const running = new Set<Promise<void>>();
  for (let n = 0; n < operations; n++) {
    await think(client);
    while (running.size >= inFlight) await Promise.race(running);
    if (session.lost || random.chance(0.03)) {
      // As a producer that starts anew, or was told that its topic is gone: what is in flight is left to its fate.
      session.lost = true;
      session = newSession(client, await currentTopic(client), session.epoch + 1);
    }
    const units = partitionsFor(client, session.topic).map((partition) =>
      nextUnit(client, session, partition),
    );
    if (random.chance(0.1))
      void send(client, client.anyProcess(), session.topic, [strayUnit(client, session)]);
    const work = deliver(client, session, units, inFlight === 1).finally(() => running.delete(work));
    running.add(work);
  }
  await Promise.all(running);
}

interface Session {
  readonly topic: Topic;
  readonly id: bigint;
  readonly epoch: number;
  readonly next: Map<number, number>;
  /** Sequences that are sent and not acknowledged, by partition. */
  readonly open: Map<number, Set<number>>;
  lost: boolean;
}

function newSession(client: Client, topic: Topic, epoch: number): Session {
  const id = BigInt(Number.parseInt(client.name.replace(/\D/g, ''), 10) + 1);
  return { topic, id, epoch, next: new Map(), open: new Map(), lost: false };
}

function nextUnit(client: Client, session: Session, partition: number): Unit {
  const { id, epoch, next, open } = session;
  const batches = Array.from({ length: client.random.between(1, 2) }, () => {
    const sequence = next.get(partition) ?? 0;
    const values = newValues(client, `e${epoch}.${partition}`, sequence);
    next.set(partition, sequence + values.length);
    const unacknowledged = open.get(partition) ?? new Set();
    open.set(partition, unacknowledged.add(sequence));
    return newBatch(client, values, sequence, { id, epoch });
  });
  return { partition, batches };
}

/** What the log must refuse: sequences far beyond the next one, which no producer sends that is sound. */
function strayUnit(client: Client, { topic, id, epoch, next }: Session): Unit {
  const partition = client.random.below(topic.partitions);
  const sequence = (next.get(partition) ?? 0) + 1_000 + client.random.below(1_000);
  const values = [`${client.name}.stray.${partition}.${client.random.below(2 ** 32)}`];
  return { partition, batches: [newBatch(client, values, sequence, { id, epoch })] };
}

/** Every batch with an earlier sequence that is sent comes first, or the log is right to refuse. */
function mayBeEarly({ open }: Session, { partition, batches }: Unit): boolean {
  const first = batches[0]!.encoded.producer!.sequence;
  return [...(open.get(partition) ?? [])].some((sequence) => sequence < first);
}

async function deliver(
  client: Client,
  session: Session,
  wanted: readonly Unit[],
  alone: boolean,
): Promise<void> {
  let units = wanted;
  let left = [...units];
  for (const patient = patience(client); patient(); ) {
    const early = new Set(left.filter((unit) => mayBeEarly(session, unit)));
    const twin = client.another();
    if (twin !== undefined) void send(client, twin, session.topic, left);
    const answers = await send(client, client.anyProcess(), session.topic, left);
    left = left.flatMap((unit, i) => leftOf(client, session, unit, answers[i]!, early.has(unit)));
    if (left.length === 0 || session.lost) return;
    // One that has no others under way may send more together with what is not acknowledged: half of it is a duplicate then.
    if (alone && units.includes(left[0]!) && client.random.chance(0.1)) {
      const { partition, batches } = left[0]!;
      const longer = { partition, batches: [...batches, ...nextUnit(client, session, partition).batches] };
      units = units.map((unit) => (unit === left[0] ? longer : unit));
      left[0] = longer;
    }
    // Often more than one is sent anew together, though it was acknowledged, as when answers come too late to matter.
    if (client.random.chance(0.1)) left = [...units];
    await pause(client, client.random.between(5, 200));
  }
  client.recorder.unexpected.push(`${client.name} cannot append ${left[0]!.batches[0]!.values}`);
}

/** What is left to be sent of the unit. */
function leftOf(
  client: Client,
  session: Session,
  unit: Unit,
  answer: UnitAnswer,
  early: boolean,
): readonly Unit[] {
  const { partition, batches } = unit;
  if (answer.is === 'none') return [unit];
  const isKnownDuplicate = answer.is === 'error' && isKafka(answer.error, 'DUPLICATE_SEQUENCE_NUMBER');
  // One of several is there, at an offset that is not known any more: nothing was done with the others.
  if (isKnownDuplicate && batches.length > 1) return batches.map((one) => ({ partition, batches: [one] }));
  if (answer.is === 'error' && !isKnownDuplicate) {
    const { error } = answer;
    if (isGone(client, error)) session.lost = true;
    const forgiven = early && !client.ordered && isKafka(error, 'OUT_OF_ORDER_SEQUENCE_NUMBER');
    const refused = !error.retriable && !session.lost && !forgiven;
    if (refused) {
      session.lost = true;
      client.recorder.unexpected.push(
        `${client.name} retried as it should and was refused, ${unit.batches[0]!.values}: ${error.message}`,
      );
    }
    return [unit];
  }
  for (const { encoded } of unit.batches)
    session.open.get(unit.partition)?.delete(encoded.producer!.sequence);
  return [];
}

/** One attempt, noted in the history. */
async function send(
  client: Client,
  process: Process,
  topic: Topic,
  units: readonly Unit[],
): Promise<UnitAnswer[]> {
  const { recorder, world } = client;
  const notes = units.map(({ partition, batches }) =>
    recorder.begin<Append>({
      kind: 'append',
      partition: `${topic.id}/${partition}`,
      invokedAtMs: world.nowMs,
      returnedAtMs: Number.POSITIVE_INFINITY,
      via: `${process.name} for ${client.name}`,
      batches,
      outcome: { is: 'unknown' },
    }),
  );
  const request = units.map(({ partition, batches }) => {
    return { partition, batches: batches.map(({ encoded }) => encoded) };
  });
  const durability = durabilityOf(client, topic);
  const invokedAtMs = world.nowMs;
  const { answer, returnedAtMs } = await ask(client, process, (wadi) =>
    wadi.log.append(topic, request, durability),
  );
  if (answer.is === 'none') return units.map(() => answer);
  if (answer.is === 'ok') await noteAcknowledged(client, topic, units, answer.value);
  const answers = units.map((_, i): UnitAnswer => {
    const result: AppendResult | undefined = answer.is === 'ok' ? answer.value[i]! : undefined;
    if (result?.ok) {
      const { offsets, logStartOffset } = result;
      notes[i]!({ returnedAtMs, outcome: { is: 'ok', offsets, logStartOffset } });
      return { is: 'ok' };
    }
    const error = recorder.failure(result?.error ?? (answer.is === 'error' && answer.error));
    notes[i]!({ returnedAtMs, outcome: failureOf(error) });
    if (isKafka(error, 'NOT_ENOUGH_REPLICAS')) {
      count(client.coverage, 'tooFewInSync');
      client.regions?.refused(topic, invokedAtMs);
    }
    return { is: 'error', error };
  });
  return answers;
}

/** What is promised of it holds from now on. */
async function noteAcknowledged(
  { regions, acks, coverage }: Client,
  topic: Topic,
  units: readonly Unit[],
  results: readonly AppendResult[],
): Promise<void> {
  if (regions === undefined) return;
  for (const [i, result] of results.entries()) {
    if (!result.ok) continue;
    if (acks === 1) count(coverage, 'acksOne');
    else {
      for (const [n, { values }] of units[i]!.batches.entries())
        await regions.acknowledged(topic, result.partition, result.offsets[n]!, values.length);
    }
  }
}

/** A final error says that nothing of the batches is there; but for those that were there before, or are gone with all. */
function failureOf(error: WadiError): AppendOutcome {
  const mayBeThere =
    error.retriable ||
    isKafka(error, 'DUPLICATE_SEQUENCE_NUMBER') ||
    isKafka(error, 'UNKNOWN_TOPIC_OR_PARTITION');
  return { is: mayBeThere ? 'unknown' : 'failed', error: error.kafka };
}

function partitionsFor({ random }: Client, { partitions }: Topic): number[] {
  const first = random.below(partitions);
  const second = random.below(partitions);
  return random.chance(0.3) && second !== first ? [first, second] : [first];
}

function newValues({ name, random }: Client, label: string, sequence: number): string[] {
  // Now and then too large for an item.
  const padding = random.chance(0.2) ? 'x'.repeat(random.between(100, 400)) : '';
  return Array.from({ length: random.between(1, 3) }, (_, i) => `${name}.${label}.${sequence + i}${padding}`);
}

/** On a compacted topic. */
function keysFor({ topic, random }: Client, values: readonly string[]): SentKey[] | undefined {
  const { keys } = topic;
  if (keys === undefined) return undefined;
  return values.map(() => ({ key: `k${random.below(keys)}`, isTombstone: random.chance(0.25) }));
}

function newBatch(
  client: Client,
  values: string[],
  sequence: number,
  producer: { id: bigint; epoch: number } | undefined,
): Sent {
  const timestamp = recordTime(client);
  for (const value of values) client.recorder.timestamps.set(value, timestamp);
  const keys = keysFor(client, values);
  const encoded = batch(values, {
    timestamp,
    ...(keys && { keys }),
    ...(producer && { producer: { ...producer, sequence } }),
  });
  return {
    values,
    ...(keys && { keys }),
    producer: producer ? client.name : `${client.name} without id`,
    // Of a later epoch, all come later.
    sequence: (producer?.epoch ?? 0) * 1_000_000 + sequence,
    idempotent: producer !== undefined,
    maxTimestamp: timestamp,
    bytes: encoded.bytes.length,
    encoded,
  };
}
