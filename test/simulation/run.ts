import { GROUP_LIMITS } from '../../lib/group/limits.ts';
import type { Topic } from '../../lib/topic/topic.ts';
import { checkHistory } from '../../lib/verify/check.ts';
import { checkGroups } from '../../lib/verify/groups/check.ts';
import type { GroupHistory } from '../../lib/verify/groups/history.ts';
import type { FinalPartition, History, PropertyReport } from '../../lib/verify/history.ts';
import {
  checkCleanliness,
  checkNames,
  checkProgress,
  checkRolls,
  checkTopics,
  liveTopics,
  readFinal,
  readFromEveryRow,
} from './aftermath.ts';
import { letOutagesCome } from './buckets.ts';
import type { Client } from './clients/client.ts';
import { groupMember } from './clients/groupMember.ts';
import { groupOperator } from './clients/groupOperator.ts';
import { keeper } from './clients/keeper.ts';
import { administrator, collector, compactor, grower, merger, retainer } from './clients/operators.ts';
import { idempotentProducer, plainProducer } from './clients/producer.ts';
import { consumer, observer, truncator } from './clients/readers.ts';
import { regionKeeper } from './clients/regionKeeper.ts';
import { type Cloud, createCloud } from './cloud.ts';
import { type Coverage, createWeather, type Weather } from './faults.ts';
import { bringToRest } from './groupsAtRest.ts';
import { checkStorage } from './invariants.ts';
import { checkCompaction } from './lastCompaction.ts';
import { type Process, startProcess } from './process.ts';
import { type Random, seeded } from './random.ts';
import { createRecorder, type Recorder } from './recorder.ts';
import { bringRegionsBack } from './regionsAtRest.ts';
import type { ClientPlan, Scenario, TopicPlan } from './scenario.ts';
import { checkUpkeep, noteRetention } from './upkeepAtRest.ts';
import { watchUpkeep } from './watchUpkeep.ts';
import { createWorld, type World } from './world.ts';

/** 2026, but what the year is matters to nobody. */
const START_MS = 1_770_000_000_000;
const A_TICK_MS = 1;
/** Names of processes that serve, and those that do jobs, where they have their own. */
const SERVES = 'p';
const WORKS = 'w';
const SKEWS_MS = [-600_000, -70_000, -2_000, 2_000, 90_000, 400_000];

export interface Run {
  readonly reports: readonly PropertyReport[];
  readonly history: History;
  readonly coverage: Coverage;
  /** The same for every run of the same scenario. */
  readonly fingerprint: string;
}

function byName({ id, name, partitions }: Topic, final: History['final']): [string, FinalPartition][] {
  return Array.from({ length: partitions }, (_, i) => [`${name}/${i}`, final.get(`${id}/${i}`)!]);
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
  const { regions } = scenario;
  const cloud = createCloud(scenario.marksStay, scenario.upkeep && watchUpkeep(), regions?.names);
  const recorder = createRecorder(world.trace);
  const stage: Stage = { scenario, world, weather, cloud, recorder, skewsMs: [], processes: [] };

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
  const clearUp = (): void => {
    weather.clear();
    for (const bucket of cloud.buckets) bucket.outage = undefined;
  };
  let crew: Crew | undefined;
  await act(async () => {
    world.after(scenario.badWeatherMs, clearUp);
    const inRegion = (name: string) =>
      stage.processes.filter(({ alive, region }) => alive && region === name);
    letOutagesCome(world, weather, cloud.buckets, regions?.outages ?? [], inRegion);
    crew = await startProcesses(stage, chance(3), SERVES, scenario.processes);
    const workers = await startWorkers(stage, chance(8));
    await runClients(stage, crew.any, workers?.any ?? crew.any, chance(4));
  });
  clearUp();
  const aftermath = { cloud, world, recorder, limits: scenario.limits };
  const fresh = await startOne(stage, chance(5), 'fresh', 0);
  const groupIds = new Set(scenario.clients.flatMap(({ groupId }) => groupId ?? []));
  const clocksApartMs = Math.max(0, ...stage.skewsMs) - Math.min(0, ...stage.skewsMs);
  const byFresh = (name: string, label: number): Client => {
    const onlyFresh = () => fresh;
    return clientOf(stage, scenario.topics[0]!, name, onlyFresh, onlyFresh, chance(label));
  };
  const bringBack = async (label: number): Promise<void> => {
    if (regions !== undefined) await bringRegionsBack(byFresh('regions', label), clocksApartMs);
  };
  await act(() => bringBack(10));
  await act(async () => {
    const isRight = ({ clock }: Process) => Math.abs(clock.now() - world.nowMs) < A_TICK_MS;
    const processes = [...(crew?.alive() ?? []), fresh].filter(isRight);
    const client = byFresh('rest', 7);
    for (const groupId of groupIds) await bringToRest(aftermath, groupId, client, processes, clocksApartMs);
  });
  let upkeep: PropertyReport[] = [];
  await act(async () => {
    if (scenario.upkeep === undefined) return;
    upkeep = [await checkUpkeep(aftermath, byFresh('upkeep', 9))];
  });
  await act(async () => {
    const processes = [...(crew?.alive() ?? []), fresh];
    for (const process of processes) await checkProgress(aftermath, process);
    for (const process of processes) await checkRolls(aftermath, process);
  });
  await act(async () => {
    topics = await liveTopics(aftermath);
    checkTopics(topics, recorder);
    checkNames(recorder);
  });
  await act(() => bringBack(11));
  await act(async () => cloud.regions?.atRest());
  await act(async () => {
    storage = await checkStorage(cloud, topics, recorder);
  });
  await act(async () => checkCompaction(aftermath, topics, chance(6)));
  await act(async () => checkCleanliness(aftermath, topics));
  await act(async () => {
    final = await readFinal(aftermath, topics);
    await readFromEveryRow(aftermath, topics);
  });
  noteRetention(aftermath, scenario.topics);
  const history = { operations: recorder.operations, final };
  const groups: GroupHistory = {
    ...{
      calls: recorder.groups.calls,
      rests: recorder.groups.rests,
      stored: cloud.groups.stored,
      clocksApartMs,
    },
    final: new Map(topics.flatMap((topic) => byName(topic, final))),
  };
  const orderly: PropertyReport = {
    property: 'progress resumes, and nobody is refused wrongly',
    checked: recorder.operations.length,
    violations: recorder.unexpected,
  };
  return {
    reports: [
      ...[...checkHistory(history), ...checkGroups(groups), ...storage, ...upkeep],
      ...[...(cloud.regions?.reports() ?? []), orderly],
    ],
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
  /** How far the clocks of processes were off. */
  readonly skewsMs: number[];
  /** Of which some may be dead. */
  readonly processes: Process[];
}

interface Crew {
  any(): Process;
  alive(): Process[];
}

/** The processes that serve at present; one that was killed is replaced. */
async function startProcesses(
  stage: Stage,
  random: Random,
  name: string,
  count: number,
  longFreezesMs?: readonly number[],
): Promise<Crew> {
  let started = 0;
  const start = () => {
    const { mostSkewMs = Number.POSITIVE_INFINITY } = stage.scenario;
    const drawn = stage.weather.strikes('skewed') ? random.pick(SKEWS_MS) : 0;
    const skewMs = Math.max(-mostSkewMs, Math.min(mostSkewMs, drawn));
    stage.skewsMs.push(skewMs);
    return startOne(stage, random.fork(started), `${name}${started++}`, skewMs, longFreezesMs);
  };
  const slots: Process[] = [];
  const replace = async (slot: number) => {
    slots[slot] = await start();
  };
  for (let i = 0; i < count; i++) slots.push(await start());
  return {
    any() {
      const slot = random.below(slots.length);
      const process = slots[slot]!;
      if (!process.alive) void replace(slot);
      return process;
    },
    alive: () => slots.filter(({ alive }) => alive),
  };
}

/** Those that do jobs, where they have their own. */
async function startWorkers(stage: Stage, random: Random): Promise<Crew | undefined> {
  const { workers } = stage.scenario;
  return workers && startProcesses(stage, random, WORKS, workers.processes, workers.longFreezesMs);
}

async function startOne(
  stage: Stage,
  random: Random,
  name: string,
  skewMs: number,
  longFreezesMs?: readonly number[],
): Promise<Process> {
  const { world, weather, cloud, recorder, scenario } = stage;
  const { regions } = scenario;
  const process = await startProcess({
    name,
    world,
    weather,
    cloud,
    random,
    skewMs,
    limits: scenario.limits,
    groupLimits: scenario.groupLimits ?? GROUP_LIMITS,
    remote: random.chance(0.5) && regions === undefined,
    ...(regions && { region: random.pick(regions.names), replicationLimits: regions.limits }),
    isWorker: scenario.workers === undefined || !name.startsWith(SERVES),
    ordered: scenario.ordered ?? false,
    ...(longFreezesMs && { longFreezesMs }),
    warn: (error) => {
      if ((error as Error).name !== 'StorageError') recorder.failure(error);
    },
  });
  stage.processes.push(process);
  return process;
}

async function runClients(
  stage: Stage,
  anyProcess: () => Process,
  jobProcess: () => Process,
  random: Random,
): Promise<void> {
  const { clients, topics } = stage.scenario;
  let left = clients.filter(({ kind }) => kind !== 'region keeper').length;
  await Promise.all(
    clients.map(async (plan, i) => {
      const client = {
        ...clientOf(stage, topics[plan.topic]!, `c${i}`, anyProcess, jobProcess, random.fork(i)),
        ...(plan.acks && { acks: plan.acks }),
      };
      await runClient(client, plan, () => left === 0);
      if (plan.kind !== 'region keeper') left--;
    }),
  );
}

function clientOf(
  { scenario, world, weather, cloud, recorder }: Stage,
  topic: TopicPlan,
  name: string,
  anyProcess: () => Process,
  jobProcess: () => Process,
  random: Random,
): Client {
  const { restFactor, ordered = false, marksStay, topics, upkeep, slowness = 1 } = scenario;
  return {
    ...{ name, world, random, recorder, topic, topics, restFactor, ordered, marksStay, slowness },
    ...{ anyProcess, jobProcess, upkeep, logLimits: scenario.limits, messages: cloud.messages },
    coverage: weather.coverage,
    groupsWatch: cloud.groups,
    acks: 'all',
    regionsPlan: scenario.regions,
    regions: cloud.regions,
    another: (anyOther = anyProcess) => (weather.strikes('invokedTwice') ? anyOther() : undefined),
  };
}

/** `isOver`: all that do not go on while others do have ended. */
function runClient(
  client: Client,
  { kind, operations, inFlight, groupId = '' }: ClientPlan,
  isOver: () => boolean,
): Promise<void> {
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
    case 'merger':
      return merger(client, operations);
    case 'compactor':
      return compactor(client, operations);
    case 'retainer':
      return retainer(client, operations);
    case 'keeper':
      return keeper(client, operations);
    case 'administrator':
      return administrator(client, operations);
    case 'grower':
      return grower(client, operations);
    case 'group member':
      return groupMember(client, operations, groupId);
    case 'group operator':
      return groupOperator(client, operations, groupId);
    case 'region keeper':
      return regionKeeper(client, isOver);
  }
}
