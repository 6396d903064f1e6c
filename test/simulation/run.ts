import type { Topic } from '../../lib/topic/topic.ts';
import { checkHistory } from '../../lib/verify/check.ts';
import type { Append, FinalPartition, History, PropertyReport } from '../../lib/verify/history.ts';
import { createWadi } from '../../lib/wadi.ts';
import { batch, readAll } from '../support/log.ts';
import type { Client } from './clients/client.ts';
import { administrator, collector } from './clients/operators.ts';
import { idempotentProducer, plainProducer } from './clients/producer.ts';
import { consumer, observer, truncator } from './clients/readers.ts';
import { type Cloud, createCloud } from './cloud.ts';
import { type Coverage, createWeather, type Weather } from './faults.ts';
import { checkStorage } from './invariants.ts';
import { type Process, startProcess } from './process.ts';
import { type Random, seeded } from './random.ts';
import { createRecorder, type Recorder } from './recorder.ts';
import type { ClientPlan, Scenario } from './scenario.ts';
import { createWorld, type World } from './world.ts';

/** 2026, but what the year is matters to nobody. */
const START_MS = 1_770_000_000_000;
const SKEWS_MS = [-600_000, -70_000, -2_000, 2_000, 90_000, 400_000];
/** After bad weather, an append and a fetch on each partition must end within this. */
const PROGRESS_MS = 5_000;

export interface Run {
  readonly reports: readonly PropertyReport[];
  readonly history: History;
  readonly coverage: Coverage;
  /** The same for every run of the same scenario. */
  readonly fingerprint: string;
}

export function violated({ reports }: Run): readonly PropertyReport[] {
  return reports.filter(({ violations }) => violations.length > 0);
}

/** Plays a scenario to its end and checks what was done and seen. `log` is given every event. */
export async function play(scenario: Scenario, log?: (line: string) => void): Promise<Run> {
  const chance = (label: number) => seeded(scenario.seed, label + 1);
  const fractions = chance(1);
  const world = createWorld(START_MS, fractions.real, log);
  const coverage: Coverage = new Map();
  const weather = createWeather(chance(2), world.trace, scenario.faults, coverage);
  const cloud = createCloud();
  const recorder = createRecorder(world.trace);
  const stage: Stage = { scenario, world, weather, cloud, recorder };

  let final: History['final'] = new Map();
  let storage: PropertyReport[] = [];
  let topics: readonly Topic[] = [];
  /** One that breaks off does not keep the others from being looked at. */
  const act = async (work: () => Promise<void>): Promise<void> => {
    try {
      await world.run(work());
    } catch (error) {
      recorder.unexpected.push(`the run broke off: ${(error as Error).stack}`);
    }
  };
  await act(async () => {
    world.after(scenario.badWeatherMs, weather.clear);
    await runClients(stage, await startProcesses(stage, chance(3)), chance(4));
  });
  weather.clear();
  await act(async () => checkProgress(stage, await startOne(stage, chance(5), 'probe', 0)));
  await act(async () => {
    topics = await liveTopics(stage);
    checkTopics(topics, recorder);
  });
  await act(async () => {
    storage = await checkStorage(cloud, topics, recorder);
  });
  await act(async () => {
    final = await readFinal(stage, topics);
  });
  const history = { operations: recorder.operations, final };
  const orderly: PropertyReport = {
    property: 'progress resumes, and nobody is refused wrongly',
    checked: recorder.operations.length,
    violations: recorder.unexpected,
  };
  return {
    reports: [...checkHistory(history), ...storage, orderly],
    history,
    coverage,
    fingerprint: world.fingerprint,
  };
}

interface Stage {
  readonly scenario: Scenario;
  readonly world: World;
  readonly weather: Weather;
  readonly cloud: Cloud;
  readonly recorder: Recorder;
}

/** The processes that serve at present; one that was killed is replaced. */
async function startProcesses(stage: Stage, random: Random): Promise<() => Process> {
  let started = 0;
  const start = () => {
    const skewMs = stage.weather.strikes('skewed') ? random.pick(SKEWS_MS) : 0;
    return startOne(stage, random.fork(started), `p${started++}`, skewMs);
  };
  const slots: Process[] = [];
  const replace = async (slot: number) => {
    slots[slot] = await start();
  };
  for (let i = 0; i < stage.scenario.processes; i++) slots.push(await start());
  return () => {
    const slot = random.below(slots.length);
    const process = slots[slot]!;
    if (!process.alive) void replace(slot);
    return process;
  };
}

function startOne(stage: Stage, random: Random, name: string, skewMs: number): Promise<Process> {
  const { world, weather, cloud, recorder, scenario } = stage;
  return startProcess({
    name,
    world,
    weather,
    cloud,
    random,
    skewMs,
    limits: scenario.limits,
    remote: random.chance(0.5),
    warn: (error) => {
      if ((error as Error).name !== 'StorageError') recorder.failure(error);
    },
  });
}

async function runClients(stage: Stage, anyProcess: () => Process, random: Random): Promise<void> {
  const { scenario, world, weather, recorder } = stage;
  await Promise.all(
    scenario.clients.map((plan, i) => {
      const own = random.fork(i);
      const topic = scenario.topics[plan.topic]!;
      const another = () => (weather.strikes('invokedTwice') ? anyProcess() : undefined);
      const { restFactor } = scenario;
      const client = { name: `c${i}`, world, random: own, recorder, topic, restFactor, anyProcess, another };
      return runClient(client, plan);
    }),
  );
}

function runClient(client: Client, { kind, operations, inFlight }: ClientPlan): Promise<void> {
  switch (kind) {
    case 'plain producer':
      return plainProducer(client, operations);
    case 'idempotent producer':
      return idempotentProducer(client, operations, inFlight);
    case 'consumer':
      return consumer(client, operations);
    case 'observer':
      return observer(client, operations);
    case 'truncator':
      return truncator(client, operations);
    case 'collector':
      return collector(client, operations);
    case 'administrator':
      return administrator(client, operations);
  }
}

/** When nothing fails, every partition takes a record at once, and shows it. */
async function checkProgress({ scenario, world, recorder }: Stage, process: Process): Promise<void> {
  for (const { name } of scenario.topics) {
    const answer = await process.serve(async ({ topics, log }) => {
      const topic = (await topics.list()).find((listed) => listed.name === name);
      if (topic === undefined) return;
      for (let partition = 0; partition < topic.partitions; partition++) {
        const begunAtMs = world.nowMs;
        const values = [`probe of ${topic.id}/${partition}`];
        const note = recorder.begin<Append>({
          kind: 'append',
          partition: `${topic.id}/${partition}`,
          invokedAtMs: world.nowMs,
          returnedAtMs: Number.POSITIVE_INFINITY,
          via: 'probe',
          batches: [{ values, producer: 'probe', sequence: 0, idempotent: false }],
          outcome: { is: 'unknown' },
        });
        const [result] = await log.append(topic, [{ partition, batches: [batch(values)] }]);
        if (!result!.ok) throw result!.error;
        const { offsets, logStartOffset } = result!;
        note({ returnedAtMs: world.nowMs, outcome: { is: 'ok', offsets, logStartOffset } });
        const request = { partition, offset: offsets[0]!, maxBytes: 1, minBytes: 1, maxWaitMs: 0 };
        const { nextOffset } = await log.fetch(topic, request);
        if (nextOffset <= offsets[0]!) throw new Error(`offset ${offsets[0]} is not shown`);
        if (world.nowMs - begunAtMs > PROGRESS_MS) throw new Error(`took ${world.nowMs - begunAtMs} ms`);
      }
      await log.settled();
    });
    if (answer.is === 'error')
      recorder.unexpected.push(`no progress on ${name}: ${(answer.error as Error).stack}`);
    if (answer.is === 'none') recorder.unexpected.push(`no progress on ${name}: no answer`);
  }
}

function atRest({ cloud, world }: Stage) {
  const clock = {
    now: () => Math.floor(world.nowMs),
    random: () => {
      throw new Error('nothing is written at rest');
    },
    sleep: async () => undefined,
  };
  return createWadi({ storage: cloud.storage, clock, clusterId: 'simulated' });
}

async function liveTopics(stage: Stage): Promise<Topic[]> {
  return (await atRest(stage)).topics.list();
}

/** A name that nobody asked to delete stands for one topic, for ever. */
function checkTopics(topics: readonly Topic[], { topicIds, deletions, unexpected }: Recorder): void {
  for (const [name, ids] of topicIds) {
    const live = topics.find((topic) => topic.name === name);
    if (deletions.has(name) || (ids.size === 1 && live !== undefined && ids.has(live.id))) continue;
    unexpected.push(
      `${name} was ${[...ids].join(', ')} and is ${live?.id ?? 'gone'}, though nobody deleted it`,
    );
  }
}

async function readFinal(stage: Stage, topics: readonly Topic[]): Promise<Map<string, FinalPartition>> {
  const { log } = await atRest(stage);
  const final = new Map<string, FinalPartition>();
  for (const topic of topics) {
    for (let partition = 0; partition < topic.partitions; partition++) {
      const bounds = await log.bounds(topic, partition);
      const records = await readAll(log, topic, partition, { from: bounds.logStartOffset });
      final.set(`${topic.id}/${partition}`, { ...bounds, records });
    }
  }
  return final;
}
