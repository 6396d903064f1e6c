import { LIMITS, type LogLimits } from '../../lib/log/limits.ts';
import { ALL_FAULTS, type Fault } from './faults.ts';
import { type Random, seeded } from './random.ts';

/** All that a run does not leave to chance. What chance does follows from the seed. */
export interface Scenario {
  readonly seed: number;
  /** The faults in play, each with a factor of its chance. */
  readonly faults: Readonly<Partial<Record<Fault, number>>>;
  /** From when on nothing fails any more. */
  readonly badWeatherMs: number;
  readonly processes: number;
  readonly limits: LogLimits;
  readonly topics: readonly TopicPlan[];
  readonly clients: readonly ClientPlan[];
}

export interface TopicPlan {
  readonly name: string;
  readonly partitions: number;
  readonly configs: Readonly<Record<string, string>>;
}

export type ClientKind =
  | 'plain producer'
  | 'idempotent producer'
  | 'consumer'
  | 'observer'
  | 'truncator'
  | 'collector'
  | 'administrator';

export interface ClientPlan {
  readonly kind: ClientKind;
  readonly topic: number;
  readonly operations: number;
  /** Requests that it has under way at a time. */
  readonly inFlight: number;
}

/** Each seed has other faults in play, at other rates, over other limits: what one mixture hides, another shows. */
export function scenarioOf(seed: number): Scenario {
  const random = seeded(seed);
  const topics = Array.from({ length: random.chance(0.3) ? 2 : 1 }, (_, i): TopicPlan => {
    const partitions = random.between(1, 4);
    return { name: `topic-${i}`, partitions, configs: { 'partitions.per.head': `${random.between(1, 3)}` } };
  });
  const busy = random.chance(0.1) ? 3 : 1;
  const plan = (kind: ClientKind, operations: number, inFlight = 1): ClientPlan => {
    return { kind, topic: random.below(topics.length), operations: operations * busy, inFlight };
  };
  const several = (least: number, most: number, make: () => ClientPlan): ClientPlan[] =>
    Array.from({ length: random.between(least, most) }, make);
  const clients = [
    ...several(0, 2, () => plan('plain producer', random.between(2, 8))),
    ...several(1, 3, () => plan('idempotent producer', random.between(3, 10), random.pick([1, 1, 2, 4]))),
    ...several(0, 2, () => plan('consumer', random.between(4, 12))),
    ...several(0, 1, () => plan('observer', random.between(3, 8))),
    ...several(0, 1, () => plan('truncator', random.pick([3, 6, 20]))),
    ...several(0, 2, () => plan('collector', random.pick([3, 6, 20]))),
    ...(random.chance(0.25) ? [plan('administrator', random.between(1, 4))] : []),
  ];
  return {
    seed,
    faults: faultsInPlay(random),
    badWeatherMs: random.pick([2_000, 10_000, 60_000]),
    processes: random.between(1, 4),
    limits: smallLimits(random),
    topics,
    clients,
  };
}

function faultsInPlay(random: Random): Partial<Record<Fault, number>> {
  const share = random.pick([0, 0.2, 0.5, 0.8]);
  const inPlay = ALL_FAULTS.filter(() => random.chance(share));
  return Object.fromEntries(inPlay.map((fault) => [fault, random.pick([0.3, 1, 1, 3])]));
}

/** So small that a history of some hundred records meets every one of them. */
function smallLimits(random: Random): LogLimits {
  return {
    ...LIMITS,
    inlineBytes: random.pick([0, 250, 3_900]),
    blobBytes: random.pick([600, 4_000]),
    blobUnits: random.pick([2, 4, 100]),
    largeBytes: random.pick([300, 3_000]),
    waitingBytes: random.chance(0.1) ? 1_000 : LIMITS.waitingBytes,
    vainRounds: random.pick([3, 16]),
    sends: random.pick([1, 2, 5]),
    producersPerEntry: random.between(2, 3),
    producersInHead: random.pick([5, 1_000]),
    producersAtHand: random.between(0, 3),
    entriesPerRoll: random.between(1, 4),
    maxEntriesPerRoll: random.between(2, 6),
    bytesPerRoll: random.pick([60, 500, LIMITS.bytesPerRoll]),
    abandonedMs: random.pick([5, 100, 2_000]),
    holdMs: random.pick([0, 5, 250]),
    busyHoldMs: random.pick([0, 60]),
    busyTailBytes: random.pick([200, 2_000]),
    longTailBytes: random.pick([300, 2_000, 32_000]),
    aheadMs: random.pick([10, 2_000]),
    evictionsPerUpdate: random.between(1, 2),
    evictionsPerRoll: random.between(1, 4),
    rowsPerRead: random.between(1, 3),
    rowsPerSearch: random.between(1, 3),
    slicesPerFetch: random.between(1, 4),
    cacheBytes: random.pick([1, 1_000, 1_000_000]),
  };
}
