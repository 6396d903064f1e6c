import { WadiError } from '../../../lib/errors.ts';
import type { LogLimits } from '../../../lib/log/limits.ts';
import type { Durability } from '../../../lib/log/log.ts';
import type { Topic } from '../../../lib/topic/topic.ts';
import type { Wadi } from '../../../lib/wadi.ts';
import type { Coverage } from '../faults.ts';
import type { Answer, Process } from '../process.ts';
import type { Random } from '../random.ts';
import type { Recorder } from '../recorder.ts';
import type { RegionsPlan } from '../regional.ts';
import type { TopicPlan, Upkeep } from '../scenario.ts';
import type { GroupsWatch } from '../watchGroups.ts';
import type { RegionsWatch } from '../watchRegions.ts';
import type { World } from '../world.ts';

/** What a client of a run has: time, chance, and processes to talk to. */
export interface Client {
  readonly name: string;
  readonly world: World;
  readonly random: Random;
  readonly recorder: Recorder;
  readonly coverage: Coverage;
  readonly topic: TopicPlan;
  /** All of the scenario. */
  readonly topics: readonly TopicPlan[];
  readonly groupsWatch: GroupsWatch;
  readonly restFactor: number;
  readonly marksStay: boolean;
  /** Its requests reach a process in the order in which they were sent. */
  readonly ordered: boolean;
  /** Any of the processes that serve, as a load balancer picks it; it may be frozen, or die meanwhile. */
  anyProcess(): Process;
  /** A second one that is to serve the same request, if chance has it. */
  another(anyOther?: () => Process): Process | undefined;
  /** One that does the work of maintenance. */
  readonly jobProcess: () => Process;
  readonly upkeep: Upkeep | undefined;
  readonly logLimits: LogLimits;
  /** That wait for a worker. */
  readonly messages: string[];
  /** Administrators rest so many times as long. */
  readonly slowness: number;
  /** How sure its appends are to be; `all` unless given. */
  readonly acks: 1 | 'all';
  readonly regionsPlan: RegionsPlan | undefined;
  /** If there are several. */
  readonly regions: RegionsWatch | undefined;
}

/** How sure an append of the client's to a topic is to be. */
export function durabilityOf({ acks }: Client, { configs }: Topic): Durability {
  return { acks, minInsyncReplicas: configs.minInsyncReplicas };
}

/** Whoever does a job: one process, or two at once. */
export function jobProcesses(client: Client): Process[] {
  const processes = [client.jobProcess(), client.another(client.jobProcess)];
  return processes.filter((process) => process !== undefined);
}

/** Times of records, in milliseconds, are below it, or younger than it. */
export const YOUNGEST = 1_000;

/** How long requests may fail before a client gives up: far longer than bad weather, and all that is late in it, takes. */
const PATIENCE_MS = 600_000;

/** Tells, attempt by attempt, whether it is worth another one. */
export function patience({ world }: Client): () => boolean {
  const endsAtMs = world.nowMs + PATIENCE_MS;
  return () => world.nowMs < endsAtMs;
}

export function pause(client: Client, ms: number): Promise<void> {
  return new Promise((resolve) => client.world.after(ms, resolve));
}

/** A time that a record may have. Where compaction goes by time, it is that of the world; else, what is drawn at once is as good. */
export function recordTime({ topic, world, random }: Client): number {
  const isTimeless = topic.keys === undefined && (topic.configs['retention.ms'] ?? '-1') === '-1';
  return (isTimeless ? 0 : Math.floor(world.nowMs) - YOUNGEST) + random.below(YOUNGEST);
}

/** Between two operations: mostly at once, now and then after a while. */
export function think(client: Client): Promise<void> {
  const { random, restFactor } = client;
  return pause(client, restFactor * (random.chance(0.1) ? random.between(50, 500) : random.between(0, 25)));
}

/** Repeats a request, through any processes, until one answers with a value or with an error that `isFinal`. */
export async function insist<T>(
  client: Client,
  request: (wadi: Wadi) => Promise<T>,
  isFinal: (error: WadiError) => boolean = () => false,
): Promise<T> {
  for (const patient = patience(client); patient(); ) {
    const answer = await client.anyProcess().serve(request);
    if (answer.is === 'ok') return answer.value;
    if (answer.is === 'error') {
      const error = client.recorder.failure(answer.error);
      if (isFinal(error)) throw error;
    }
    await pause(client, client.random.between(5, 100));
  }
  throw new Error(`${client.name} got no answer in ${PATIENCE_MS} ms`);
}

/** The client's topic as it stands, made anew if it is gone. */
export async function currentTopic(client: Client): Promise<Topic> {
  const { name, partitions, configs, replicationFactor } = client.topic;
  const askedAtMs = client.world.nowMs;
  const topic = await insist(client, async (wadi) => {
    try {
      return await wadi.topics.describe(name);
    } catch (error) {
      if (!isKafka(error, 'UNKNOWN_TOPIC_OR_PARTITION')) throw error;
      return wadi.topics.create({
        ...{ name, partitions, configs },
        ...(replicationFactor !== undefined && { replicationFactor }),
      });
    }
  });
  noteTopic(client, topic, askedAtMs);
  return topic;
}

export function noteTopic(
  { recorder, world }: Client,
  { id, name, partitions }: Topic,
  knownAtMs: number,
): void {
  recorder.sightings.push({ name, id, askedAtMs: knownAtMs, answeredAtMs: world.nowMs });
  const before = recorder.seen.get(id);
  recorder.seen.set(id, {
    name,
    knownAtMs: Math.min(before?.knownAtMs ?? knownAtMs, knownAtMs),
    partitions: Math.max(before?.partitions ?? 0, partitions),
  });
}

/** Whether the error says that the topic is gone; of one that nobody deletes, it must not. */
export function isGone({ recorder, topic, name }: Client, error: WadiError): boolean {
  if (!isKafka(error, 'UNKNOWN_TOPIC_OR_PARTITION')) return false;
  if (!recorder.deletions.some((deletion) => deletion.name === topic.name)) {
    recorder.unexpected.push(`${name} was told that ${topic.name} is gone, which nobody deletes`);
  }
  return true;
}

/** Notes a refusal that a sound request should not meet. */
export function requireRetriable(client: Client, error: WadiError, what: string): void {
  if (!error.retriable)
    client.recorder.unexpected.push(`${client.name}: ${what}: ${error.kafka} ${error.message}`);
}

export function isKafka(error: unknown, name: WadiError['kafka']): boolean {
  return error instanceof WadiError && error.kafka === name;
}

export interface Ended<T> {
  readonly answer: Answer<T>;
  readonly returnedAtMs: number;
}

/** Serves a request once; `returnedAtMs` is Infinity if no answer comes. */
export async function ask<T>(
  client: Client,
  process: Process,
  request: (wadi: Wadi) => Promise<T>,
): Promise<Ended<T>> {
  const answer = await process.serve(request);
  return { answer, returnedAtMs: answer.is === 'none' ? Number.POSITIVE_INFINITY : client.world.nowMs };
}
