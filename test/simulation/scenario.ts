import { GROUP_LIMITS, type GroupLimits } from '../../lib/group/limits.ts';
import { LIMITS, type LogLimits } from '../../lib/log/limits.ts';
import { MAINTENANCE_LIMITS, type MaintenanceLimits } from '../../lib/maintenance/limits.ts';
import { ALL_FAULTS, type Fault } from './faults.ts';
import { type Random, seeded } from './random.ts';
import { drawRegions, type RegionsPlan } from './regional.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** All that a run does not leave to chance. What chance does follows from the seed. */
export interface Scenario {
  readonly seed: number;
  /** The faults in play, each with a factor of its chance. */
  readonly faults: Readonly<Partial<Record<Fault, number>>>;
  /** From when on nothing fails any more. */
  readonly badWeatherMs: number;
  readonly processes: number;
  /** Requests reach a process in the order in which they were sent. */
  readonly ordered?: boolean;
  /** How long clients rest between operations: with a higher pace, more happens while a request is late. */
  readonly restFactor: number;
  readonly limits: LogLimits;
  readonly topics: readonly TopicPlan[];
  readonly clients: readonly ClientPlan[];
  /** Marks of absorbed rows stay for longer than anything can be late; else they go within seconds. */
  readonly marksStay: boolean;
  /** Of consumer groups, if not those that are deployed. */
  readonly groupLimits?: GroupLimits;
  /** Processes of their own for jobs, which nobody waits for: they may sleep for long. */
  readonly workers?: { readonly processes: number; readonly longFreezesMs: readonly number[] };
  readonly upkeep?: Upkeep;
  /** Administrators rest so many times as long. */
  readonly slowness?: number;
  /** How far clocks may be off, if not by minutes. */
  readonly mostSkewMs?: number;
  /** If there are several. */
  readonly regions?: RegionsPlan;
}

/** Maintenance as it is deployed: what is due, a planner, a queue, and workers. */
export interface Upkeep {
  readonly limits: MaintenanceLimits;
  /** Nothing is so late that it is left to the sweep: all is done without it. */
  readonly isTimely: boolean;
  /** Between two plans. */
  readonly gapsMs: readonly number[];
}

export interface TopicPlan {
  readonly name: string;
  readonly partitions: number;
  readonly configs: Readonly<Record<string, string>>;
  /** Of a compacted topic: its records have one of so many. Those of others have none. */
  readonly keys?: number;
  /** In so many regions; in all unless given. */
  readonly replicationFactor?: number;
}

export type ClientKind =
  | 'plain producer'
  | 'idempotent producer'
  | 'consumer'
  | 'observer'
  | 'truncator'
  | 'collector'
  | 'merger'
  | 'compactor'
  | 'retainer'
  | 'keeper'
  | 'administrator'
  | 'grower'
  | 'group member'
  | 'group operator'
  | 'region keeper';

export interface ClientPlan {
  readonly kind: ClientKind;
  readonly topic: number;
  readonly operations: number;
  /** Requests that it has under way at a time. */
  readonly inFlight: number;
  /** Of a member or an operator. */
  readonly groupId?: string;
  /** Of a producer; `all` unless given. */
  readonly acks?: 1;
}

/**
 * Each seed has other faults in play, at other rates, over other limits: what one mixture hides, another shows. Most
 * are drawn for a theme, since some rules matter only when several rare things come together.
 */
export function scenarioOf(seed: number, only?: ThemeName): Scenario {
  const random = seeded(seed);
  // By streams of their own, so that the others' histories stay what they are.
  if (only !== 'regions' && !random.fork(5).chance(0.12)) return inOneRegion(seed, random);
  if (random.fork(6).chance(0.4)) return spread(inOneRegion(seed, random), random.fork(7));
  return regional(anyScenario(seed, random), random.fork(8));
}

/** That may be played alone. */
export type ThemeName = 'regions' | 'failovers' | 'streams';

function inOneRegion(seed: number, random: Random): Scenario {
  const scenario = anyScenario(seed, random);
  if (random.fork(1).chance(0.3)) return grouping(scenario, random.fork(2));
  if (random.fork(3).chance(0.18)) return keeping(scenario, random.fork(4));
  return random.chance(0.35) ? scenario : random.pick(THEMES)(scenario, random);
}

function several(kind: ClientKind, count: number, operations: number, inFlight = 1): ClientPlan[] {
  return Array.from({ length: count }, () => ({ kind, topic: 0, operations, inFlight }));
}

function anyScenario(seed: number, random: Random): Scenario {
  const topics = Array.from({ length: random.chance(0.3) ? 2 : 1 }, (_, i) =>
    random.chance(0.2) ? compactedTopicPlan(i, random, 2) : topicPlan(i, random, 4),
  );
  const busy = random.chance(0.1) ? 3 : 1;
  const some = (kind: ClientKind, least: number, most: number, operations: () => number) =>
    Array.from({ length: random.between(least, most) }, (): ClientPlan => {
      const inFlight = random.pick([1, 1, 2, 4]);
      return { kind, topic: random.below(topics.length), operations: operations() * busy, inFlight };
    });
  const clients = [
    ...some('plain producer', 0, 2, () => random.between(2, 8)),
    ...some('idempotent producer', 1, 3, () => random.between(3, 10)),
    ...some('consumer', 0, 2, () => random.between(4, 12)),
    ...some('observer', 0, 1, () => random.between(3, 8)),
    ...some('truncator', 0, 1, () => random.pick([3, 6, 20])),
    ...some('collector', 0, 2, () => random.pick([3, 6, 20])),
    ...some('merger', 0, 2, () => random.pick([3, 6, 20])),
    ...(random.chance(0.3) ? some('retainer', 1, 1, () => random.pick([3, 6, 20])) : []),
    ...(random.chance(0.2) ? some('administrator', 1, 1, () => random.between(1, 4)) : []),
    ...topics.flatMap(({ keys }, topic) =>
      keys === undefined
        ? []
        : several('compactor', random.between(1, 2), random.pick([6, 20])).map((plan) => ({
            ...plan,
            topic,
          })),
    ),
  ];
  return {
    seed,
    faults: faultsInPlay(random),
    badWeatherMs: random.pick([2_000, 10_000, 60_000]),
    processes: random.between(1, 4),
    restFactor: random.pick([1, 1, 10, 50]),
    limits: smallLimits(random),
    topics,
    clients,
    marksStay: topics.some(({ keys }) => keys !== undefined) || random.chance(0.7),
  };
}

function topicPlan(i: number, random: Random, mostPartitions: number): TopicPlan {
  const partitions = random.between(1, mostPartitions);
  return { name: `topic-${i}`, partitions, configs: { 'partitions.per.head': `${random.between(1, 3)}` } };
}

function compactedTopicPlan(i: number, random: Random, mostPartitions: number): TopicPlan {
  const { configs, ...plan } = topicPlan(i, random, mostPartitions);
  const lagMs = random.pick([0, 0, 0, 500, 5_000]);
  return {
    ...plan,
    keys: random.between(3, 6),
    configs: {
      ...configs,
      'cleanup.policy': random.pick(['compact', 'compact,delete']),
      'min.cleanable.dirty.ratio': random.pick(['0', '0', '0.3']),
      'delete.retention.ms': random.pick(['0', '0', '100', '1000', '5000']),
      'min.compaction.lag.ms': String(lagMs),
      ...(random.chance(0.3) && {
        'max.compaction.lag.ms': String(Math.max(lagMs, random.pick([1, 2_000]))),
      }),
    },
  };
}

type Theme = (scenario: Scenario, random: Random) => Scenario;

/** Entries leave the tail as soon as they can. */
const ROLLING: Partial<LogLimits> = { entriesPerRoll: 1, holdMs: 0, busyHoldMs: 0, abandonedMs: 100 };

/** Answers are lost while others roll: was it there or not? */
const lateness: Theme = (scenario, random) => ({
  ...scenario,
  topics: [topicPlan(0, random, 1)],
  processes: 2,
  badWeatherMs: 60_000,
  faults: { ...scenario.faults, responseLost: 3, landsLate: 1, twinLate: 1 },
  limits: { ...scenario.limits, ...ROLLING, producersPerEntry: 1 },
  restFactor: random.pick([1, 10]),
  clients: [
    ...several('plain producer', 2, 8),
    ...several('idempotent producer', 3, 8, 2),
    ...several('consumer', 1, 20),
  ],
});

/** Records are deleted, and their bytes collected, under those who look for them. */
const deletion: Theme = (scenario, random) => ({
  ...scenario,
  topics: [topicPlan(0, random, 1)],
  processes: random.between(2, 3),
  badWeatherMs: 60_000,
  faults: {
    ...scenario.faults,
    responseLost: random.pick([1, 3]),
    invokedTwice: random.pick([0, 3]),
    killed: random.pick([0, 0, 3]),
    slow: random.pick([1, 4, 10]),
  },
  limits: { ...scenario.limits, ...ROLLING, rowsPerRead: 4, slicesPerFetch: 20 },
  restFactor: random.pick([1, 10, 50]),
  clients: [
    ...several('plain producer', 2, 10),
    ...several('idempotent producer', random.between(1, 2), 8),
    ...several('consumer', 3, 25),
    ...several('observer', 1, 10),
    ...several('truncator', 1, 20),
    ...several('collector', 2, 20),
  ],
});

/** What was appended is rolled, deleted and no longer in the index when its producer looks whether it is there. */
const oblivion: Theme = (scenario, random) => ({
  ...scenario,
  topics: [topicPlan(0, random, 1)],
  processes: 3,
  badWeatherMs: 60_000,
  faults: {
    responseLost: 3,
    sentTwice: 3,
    answerLost: 3,
    invokedTwice: 3,
    killed: random.pick([0, 3]),
    slow: 10,
  },
  limits: { ...scenario.limits, ...ROLLING, maxEntriesPerRoll: random.between(1, 3), sends: 5, aheadMs: 10 },
  restFactor: random.pick([10, 50]),
  clients: [
    ...several('plain producer', 3, 15),
    ...several('idempotent producer', 2, 10),
    ...several('consumer', 2, 40),
    ...several('truncator', 1, 40),
    ...several('collector', 2, 40),
  ],
});

/** More producers than a head holds come, go and come back through several processes. */
const crowd: Theme = (scenario, random) => ({
  ...scenario,
  topics: [topicPlan(0, random, 1)],
  processes: random.between(2, 3),
  badWeatherMs: 60_000,
  faults: {
    ...scenario.faults,
    invokedTwice: 3,
    slow: 3,
    frozen: random.pick([0, 1]),
    skewed: random.pick([0, 2]),
    answerLost: 3,
  },
  limits: { ...scenario.limits, ...ROLLING, producersAtHand: 0, producersInHead: 1_000 },
  restFactor: random.pick([1, 1, 10]),
  clients: several('idempotent producer', 4, 12),
});

/** The same, each request through two processes at once: one is slow to see what the other has done and put aside. */
const doubles: Theme = (scenario, random) => ({
  ...crowd(scenario, random),
  processes: 4,
  faults: { invokedTwice: 10, slow: random.pick([3, 6]), killed: random.pick([0, 1]) },
  restFactor: 1,
});

/** Topics are made, deleted and made again by calls that come late and twice. */
const names: Theme = (scenario, random) => ({
  ...scenario,
  topics: [topicPlan(0, random, 2)],
  processes: random.between(2, 3),
  badWeatherMs: 60_000,
  faults: {
    ...scenario.faults,
    requestLost: 2,
    sentTwice: 3,
    twinLate: random.pick([3, 8]),
    landsLate: 3,
    killed: random.pick([2, 5]),
    invokedTwice: 3,
  },
  restFactor: random.pick([10, 50]),
  clients: random.chance(0.5)
    ? several('administrator', random.between(1, 2), 40)
    : [...several('administrator', 2, 8), ...several('plain producer', 1, 8), ...several('consumer', 1, 10)],
});

/** Clocks are apart while garbage is collected and partitions are added. */
const clocks: Theme = (scenario, random) => ({
  ...scenario,
  topics: [topicPlan(0, random, 2)],
  processes: random.between(2, 4),
  badWeatherMs: 60_000,
  faults: { ...scenario.faults, skewed: 2, twinLate: 3, slow: 2, frozen: random.pick([0, 1]) },
  restFactor: random.pick([1, 10]),
  clients: [
    ...several('plain producer', 2, 12),
    ...several('idempotent producer', 1, 8, 2),
    ...several('consumer', 1, 10),
    ...several('collector', 2, 15),
    ...several('administrator', 1, 3),
  ],
});

/** Jobs sleep through all that happens, now and then, and do what they had in mind when it is long over. */
function longSleepers(random: Random): Pick<Scenario, 'workers'> {
  if (random.chance(0.7)) return {};
  return { workers: { processes: 2, longFreezesMs: [HOUR_MS, DAY_MS] } };
}

/** Segments are made, and what they leave behind is collected, while rollers and other mergers are late. */
const merging: Theme = (scenario, random) => ({
  ...scenario,
  topics: [topicPlan(0, random, 1)],
  processes: random.between(2, 4),
  badWeatherMs: 60_000,
  faults: {
    ...scenario.faults,
    landsLate: random.pick([0, 1, 3]),
    twinLate: random.pick([0, 1, 3]),
    responseLost: random.pick([0, 1]),
    killed: random.pick([0, 1, 3]),
    frozen: random.pick([0, 1, 3]),
    slow: random.pick([0, 3]),
  },
  limits: { ...scenario.limits, ...ROLLING, maxEntriesPerRoll: random.between(1, 3) },
  restFactor: random.pick([1, 10, 50]),
  clients: [
    ...several('plain producer', 2, 10),
    ...several('idempotent producer', 1, 8),
    ...several('consumer', 1, 15),
    ...several('observer', 1, 10),
    ...(random.chance(0.5) ? several('truncator', 1, random.pick([5, 20])) : []),
    ...several('merger', random.between(1, 3), 20),
    ...several('collector', random.between(0, 2), 20),
  ],
  marksStay: random.chance(0.5),
  ...longSleepers(random),
});

/** Readers are slow while the segment that they read grows. */
const growing: Theme = (scenario, random) => ({
  ...scenario,
  topics: [topicPlan(0, random, 1)],
  processes: 3,
  badWeatherMs: 60_000,
  faults: { slow: random.pick([3, 6]) },
  limits: { ...scenario.limits, ...ROLLING, slicesPerFetch: 20, rowsPerRead: 4 },
  restFactor: random.pick([1, 10]),
  clients: [...several('plain producer', 2, 12), ...several('consumer', 3, 30), ...several('merger', 3, 15)],
});

/** Rows are put again, late, that were absorbed, when their bytes may have been collected. */
const ghosts: Theme = (scenario, random) => ({
  ...scenario,
  topics: [topicPlan(0, random, 1)],
  processes: random.between(2, 4),
  badWeatherMs: 60_000,
  faults: { twinLate: 6, landsLate: random.pick([0, 3]) },
  limits: { ...scenario.limits, ...ROLLING, maxEntriesPerRoll: random.between(1, 3) },
  restFactor: random.pick([10, 50]),
  clients: [
    ...several('plain producer', 2, 10),
    ...several('consumer', 1, 15),
    ...several('merger', 2, 20),
    ...several('collector', 2, 20),
  ],
  marksStay: random.chance(0.5),
});

/** Records expire under those who read and merge them. */
const expiry: Theme = (scenario, random) => ({
  ...scenario,
  topics: [topicPlan(0, random, 1)],
  processes: random.between(2, 3),
  badWeatherMs: 60_000,
  faults: {
    ...scenario.faults,
    killed: random.pick([0, 1, 3]),
    frozen: random.pick([0, 1, 3]),
    twinLate: random.pick([0, 1]),
    slow: random.pick([0, 3]),
  },
  limits: { ...scenario.limits, ...ROLLING, maxEntriesPerRoll: random.between(1, 3) },
  restFactor: random.pick([1, 10, 50]),
  clients: [
    ...several('plain producer', 2, 12),
    ...several('idempotent producer', 1, 8),
    ...several('consumer', 1, 15),
    ...several('observer', 1, 15),
    ...several('retainer', random.between(1, 2), random.pick([5, 20])),
    ...(random.chance(0.3) ? several('truncator', 1, 5) : []),
    ...(random.chance(0.7) ? several('merger', random.between(1, 2), 20) : []),
    ...(random.chance(0.5) ? several('collector', 1, 20) : []),
  ],
  ...longSleepers(random),
});

/** Records are compacted under those who read, merge, delete and collect them. */
const compacting: Theme = (scenario, random) => ({
  ...scenario,
  topics: [compactedTopicPlan(0, random, 1)],
  processes: random.between(2, 4),
  badWeatherMs: 60_000,
  faults: {
    ...scenario.faults,
    landsLate: random.pick([0, 0, 1]),
    twinLate: random.pick([0, 0, 1]),
    responseLost: random.pick([0, 0, 1]),
    killed: random.pick([0, 1, 3]),
    frozen: random.pick([0, 1, 3]),
    slow: random.pick([0, 3]),
  },
  limits: { ...scenario.limits, ...ROLLING, maxEntriesPerRoll: random.between(1, 3) },
  restFactor: random.pick([1, 10, 50]),
  clients: [
    ...several('plain producer', random.between(1, 2), 10),
    ...several('idempotent producer', 1, 8),
    ...several('consumer', 2, 15),
    ...several('observer', 1, 5),
    ...(random.chance(0.3) ? several('truncator', 1, 5) : []),
    ...(random.chance(0.3) ? several('retainer', 1, 10) : []),
    ...several('merger', random.between(0, 2), 20),
    ...several('compactor', random.between(1, 3), 20),
    ...(random.chance(0.5) ? several('collector', random.between(1, 2), 20) : []),
  ],
  marksStay: true,
  ...longSleepers(random),
});

/** Entries whose times are out of order leave the tail one by one, while copies of them are late. */
const fences: Theme = (scenario, random) => ({
  ...scenario,
  topics: [topicPlan(0, random, 1)],
  processes: random.between(3, 4),
  badWeatherMs: 60_000,
  faults: { skewed: 2, twinLate: 3, slow: random.pick([0, 1]) },
  limits: { ...scenario.limits, ...ROLLING, maxEntriesPerRoll: random.between(1, 2) },
  restFactor: random.pick([1, 10, 50]),
  clients: [...several('plain producer', 3, 12), ...several('consumer', 1, 10)],
});

/** A producer's requests in flight through one process, where nothing is lost: each finds the one before it done. */
const pipeline: Theme = (scenario, random) => ({
  ...scenario,
  topics: [topicPlan(0, random, 2)],
  processes: 1,
  ordered: true,
  faults: { slow: random.pick([0, 3]) },
  limits: { ...scenario.limits, waitingBytes: LIMITS.waitingBytes, producersInHead: 1_000, vainRounds: 16 },
  restFactor: 1,
  clients: [...several('idempotent producer', 3, 12, 4), ...several('plain producer', 1, 8)],
});

/** Consumer groups: members come, go, sleep and die, and their calls are lost, late and doubled. */
const grouping: Theme = (scenario, random) => {
  const topics = Array.from({ length: random.between(1, 2) }, (_, i) => topicPlan(i, random, 3));
  const groups = random.chance(0.2) ? ['g', 'h'] : ['g'];
  const of = (kind: ClientKind, count: number, operations: number) =>
    Array.from({ length: count }, (): ClientPlan => {
      return { kind, topic: random.below(topics.length), operations, inFlight: 1 };
    });
  return {
    ...scenario,
    topics,
    processes: random.between(1, 3),
    badWeatherMs: random.pick([2_000, 10_000, 30_000]),
    mostSkewMs: random.pick([0, 500, 3_000, 600_000]),
    restFactor: random.pick([1, 1, 10, 30]),
    limits: LIMITS,
    groupLimits: {
      ...GROUP_LIMITS,
      sweepMs: random.pick([100, 500, 2_000]),
      changedMs: random.pick([1, 20, 100]),
      atOnce: random.pick([1, 4, 16]),
      pollMs: 50,
      itemsPerRead: random.pick([1, 3, 100]),
      partitionsPerPoll: random.pick([1, 64]),
    },
    clients: [
      ...of('plain producer', random.between(1, 2), random.between(3, 8)),
      ...(random.chance(0.3) ? of('grower', 1, 1) : []),
      ...(random.chance(0.2) ? of('truncator', 1, 3) : []),
      ...groups.flatMap((groupId) =>
        [
          ...of('group member', random.between(1, 3), random.pick([8, 16, 24])),
          ...(random.chance(0.5) ? of('group operator', 1, random.pick([4, 10])) : []),
        ].map((plan) => ({ ...plan, groupId })),
      ),
    ],
    marksStay: true,
  };
};

/** Regions are lost and come back, while records are appended, merged, compacted, deleted, and read everywhere. */
const regional: Theme = (scenario, random) => {
  const isKept = random.chance(0.25);
  const anyTopic = random.chance(0.2) ? compactedTopicPlan(0, random, 2) : topicPlan(0, random, 3);
  const topics = [isKept ? keptTopicPlan(0, random) : anyTopic];
  const isCompacted = topics.some(({ keys }) => keys !== undefined);
  const some = (kind: ClientKind, least: number, most: number, operations: number) =>
    several(kind, random.between(least, most), operations);
  return spread(
    {
      ...scenario,
      topics,
      processes: random.between(2, 4),
      badWeatherMs: random.pick([5_000, 20_000, 60_000]),
      restFactor: random.pick([1, 10, 30]),
      faults: {
        ...scenario.faults,
        killed: random.pick([0, 0, 1, 3]),
        frozen: random.pick([0, 0, 1, 3]),
        slow: random.pick([0, 1, 3]),
        twinLate: random.pick([0, 1]),
        landsLate: random.pick([0, 1]),
      },
      limits: {
        ...scenario.limits,
        ...(random.chance(0.5) && ROLLING),
        inlineBytes: random.pick([0, 0, 0, 250]),
        waitingBytes: LIMITS.waitingBytes,
      },
      clients: [
        ...some('plain producer', 1, 2, 12),
        ...some('idempotent producer', 0, 2, 10),
        ...some('consumer', 1, 2, 15),
        ...some('grower', 0, 1, 4),
        ...(random.chance(0.2) ? several('administrator', 1, 2) : []),
        ...(random.chance(0.3) ? several('truncator', 1, 6) : []),
        ...(isKept ? several('keeper', 1, 20) : some('merger', 0, 2, 15)),
        ...(isKept ? [] : some('collector', 0, 2, 15)),
        ...(isCompacted && !isKept ? some('compactor', 1, 2, 10) : []),
      ],
      marksStay: true,
      ...(isKept && {
        upkeep: { limits: smallMaintenanceLimits(random), isTimely: false, gapsMs: SHORT_GAPS_MS },
      }),
    },
    random,
  );
};

/** The same history in a cluster of several regions. */
const spread: Theme = (scenario, random) => {
  const isLong = scenario.badWeatherMs >= HOUR_MS;
  const plan = drawRegions(random, scenario.badWeatherMs);
  const most = plan.names.length;
  const acksOne = random.pick([0, 0.2, 0.5]);
  return {
    ...scenario,
    regions: plan,
    // Uploads fail.
    ordered: false,
    // A worker whose clock is ahead holds up who brings a region back, for so long.
    mostSkewMs: Math.min(scenario.mostSkewMs ?? Number.POSITIVE_INFINITY, 100_000),
    topics: scenario.topics.map((topic) => replicated(topic, random, most, isLong)),
    faults: { ...scenario.faults, copyLate: random.pick([0, 1, 3]), copyLost: random.pick([0, 1, 3]) },
    // Who serves does nothing else, so that it is known what it sends.
    workers: scenario.workers ?? { processes: random.between(1, 2), longFreezesMs: [] },
    clients: [
      ...scenario.clients.map((client) =>
        client.kind.endsWith('producer') && random.chance(acksOne) ? { ...client, acks: 1 as const } : client,
      ),
      // Else it is left to the keeper.
      ...(isLong ? [] : several('region keeper', 1, 1)),
    ],
  };
};

/** Where producers would give up before a region that is lost is back, it is not waited for. */
function replicated(topic: TopicPlan, random: Random, most: number, isLong: boolean): TopicPlan {
  const factor = random.pick([most, most, 2, isLong ? most : 1]);
  const least = isLong ? 1 : random.between(1, Math.min(2, factor));
  return {
    ...topic,
    ...(factor < most && { replicationFactor: factor }),
    configs: { ...topic.configs, 'min.insync.replicas': String(least) },
  };
}

const MINUTE_MS = 60_000;
const GAPS_MS = [5 * MINUTE_MS, 5 * MINUTE_MS, 20 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS];
const SHORT_GAPS_MS = [100, 1_000, 10_000];

/** Maintenance by its schedules, over hours and days, by workers that die, sleep and are at the same work at once. */
const keeping: Theme = (scenario, random) => {
  const isTimely = random.chance(0.5);
  // It comes between the steps of others.
  const isHasty = isTimely && random.chance(0.4);
  const topics = Array.from({ length: random.between(1, 2) }, (_, i) => keptTopicPlan(i, random));
  const isCompacted = topics.some(({ keys }) => keys !== undefined);
  const of = (kind: ClientKind, count: number, operations: number) =>
    several(kind, count, operations).map((plan) => ({ ...plan, topic: random.below(topics.length) }));
  return {
    ...scenario,
    topics,
    processes: random.between(1, 3),
    badWeatherMs: random.pick([HOUR_MS, DAY_MS, 3 * DAY_MS]),
    mostSkewMs: isTimely ? 2_000 : 600_000,
    restFactor: isHasty ? 1 : random.pick([1_000, 20_000, 50_000]),
    slowness: isHasty ? 1 : random.pick([1, 100, 2_000]),
    faults: {
      ...scenario.faults,
      killed: random.pick([0, 1, 3, 6]),
      frozen: random.pick([0, 1, 3]),
      landsLate: random.pick([0, 1, 3]),
      throttled: random.pick([0, 1, 3]),
      messageLost: random.pick([0, 1, 3]),
      messageTwice: random.pick([0, 1, 3]),
      messageLate: random.pick([0, 1, 3]),
      ...(isHasty && { slow: 10 }),
    },
    workers: {
      processes: random.between(1, 3),
      longFreezesMs: isTimely ? [] : isCompacted ? [HOUR_MS] : [HOUR_MS, DAY_MS],
    },
    upkeep: { limits: smallMaintenanceLimits(random), isTimely, gapsMs: isHasty ? SHORT_GAPS_MS : GAPS_MS },
    clients: [
      ...of('plain producer', random.between(1, 2), random.between(2, 8)),
      ...of('idempotent producer', random.between(0, 1), random.between(2, 6)),
      ...of('consumer', random.between(0, 1), 8),
      ...(isTimely ? [] : of('truncator', random.between(0, 1), 4)),
      ...of('administrator', isHasty ? 2 : random.between(0, 2), random.between(1, 8)),
      ...of('keeper', 1, random.pick([6, 20])),
    ],
    // A roller may sleep for longer than they do.
    marksStay: isTimely || isCompacted,
  };
};

function keptTopicPlan(i: number, random: Random): TopicPlan {
  const plan = random.chance(0.25) ? compactedTopicPlan(i, random, 2) : topicPlan(i, random, 3);
  const retentionMs = random.pick([-1, -1, HOUR_MS, DAY_MS]);
  const configs = {
    ...plan.configs,
    'retention.ms': String(retentionMs),
    ...(random.chance(0.2) && { 'retention.bytes': String(random.between(500, 3_000)) }),
  };
  return { ...plan, configs };
}

/** A key in the map of compaction. */
const KEY_BYTES = 27;

export function smallMaintenanceLimits(random: Random): MaintenanceLimits {
  return {
    ...MAINTENANCE_LIMITS,
    candidatesPerWindow: random.between(1, 20),
    rowsPerPage: random.between(2, 3),
    pagesPerStep: random.between(1, 3),
    stepsPerCall: random.between(5, 40),
    writesAtOnce: random.between(1, 4),
    pieceBytes: random.pick([100, 300]),
    objectBytes: random.pick([400, 2_000]),
    keepBytes: random.pick([150, 500]),
    mergeBytes: random.pick([100, 500, MAINTENANCE_LIMITS.mergeBytes]),
    settleMs: random.pick([0, MAINTENANCE_LIMITS.settleMs]),
    bytesPerRow: random.pick([200, 1_000]),
    rowsPerMerge: random.between(2, 6),
    mergesPerCall: random.between(1, 3),
    callsPerPartition: random.pick([1, 10_000]),
    slicesPerRead: random.between(1, 3),
    dedupeBufferBytes: KEY_BYTES * random.pick([6, 12, 100]),
    readBytes: random.pick([100, 1_000]),
    runMs: random.pick([200, 2_000, MAINTENANCE_LIMITS.runMs]),
    leaseMs: random.pick([1, MAINTENANCE_LIMITS.leaseMs]),
    duePerPage: random.between(2, 5),
  };
}

const THEMES: readonly Theme[] = [
  lateness,
  deletion,
  oblivion,
  crowd,
  doubles,
  doubles,
  names,
  clocks,
  fences,
  pipeline,
  merging,
  merging,
  merging,
  growing,
  growing,
  ghosts,
  ghosts,
  expiry,
  expiry,
  compacting,
  compacting,
  compacting,
  compacting,
];

/** Where there are messages, they are drawn for that. */
const OF_MESSAGES: ReadonlySet<Fault> = new Set(['messageLost', 'messageTwice', 'messageLate']);
/** And so with regions. */
const OF_REGIONS: ReadonlySet<Fault> = new Set([
  'regionLost',
  'regionHangs',
  'regionSlow',
  'copyLate',
  'copyLost',
]);

function faultsInPlay(random: Random): Partial<Record<Fault, number>> {
  const share = random.pick([0, 0.2, 0.5, 0.8]);
  const inPlay = ALL_FAULTS.filter(
    (fault) => !OF_MESSAGES.has(fault) && !OF_REGIONS.has(fault) && random.chance(share),
  );
  return Object.fromEntries(inPlay.map((fault) => [fault, random.pick([0.3, 1, 1, 3])]));
}

/** So small that a history of some hundred records meets every one of them. */
function smallLimits(random: Random): LogLimits {
  const bytesPerRoll = random.pick([300, 2_000, LIMITS.bytesPerRoll]);
  return {
    ...LIMITS,
    inlineBytes: random.pick([0, 250, 3_900]),
    blobBytes: random.pick([600, 4_000]),
    blobUnits: random.pick([2, 4, 100]),
    largeBytes: random.pick([300, 3_000]),
    waitingBytes: random.chance(0.1) ? 1_000 : LIMITS.waitingBytes,
    vainRounds: random.pick([3, 16]),
    sends: random.pick([1, 2, 5]),
    producersPerEntry: random.between(1, 3),
    producersInHead: random.pick([5, 1_000]),
    producersAtHand: random.between(0, 3),
    entriesPerRoll: random.between(1, 4),
    maxEntriesPerRoll: random.between(4, 6),
    bytesPerRoll,
    abandonedMs: random.pick([5, 100, 2_000]),
    holdMs: random.pick([0, 5, 250]),
    busyHoldMs: random.pick([0, 60]),
    busyTailBytes: random.pick([200, 2_000]),
    // What is rolled because the tail is long must be able to make it short.
    longTailBytes: Math.min(bytesPerRoll, random.pick([300, 2_000, 32_000])),
    aheadMs: random.pick([10, 2_000]),
    evictionsPerUpdate: random.between(1, 2),
    evictionsPerRoll: random.between(1, 4),
    rowsPerRead: random.between(1, 3),
    rowsPerSearch: random.between(1, 3),
    slicesPerFetch: random.between(1, 4),
    cacheBytes: random.pick([1, 1_000, 1_000_000]),
  };
}
