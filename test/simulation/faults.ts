import type { Random } from './random.ts';
import type { World } from './world.ts';

/** What the cloud can deal, each with the chance that it befalls a call, a process or a request, when it is in play. */
export const FAULTS = {
  requestLost: { text: 'a request is lost', chance: 0.04 },
  responseLost: { text: 'a response is lost after the write landed', chance: 0.04 },
  landsLate: { text: 'a request lands late, after its caller gave up', chance: 0.04 },
  sentTwice: { text: 'an SDK sends a write again that has landed', chance: 0.05 },
  twinLate: { text: 'a copy of a write lands late, after the other was answered', chance: 0.05 },
  throttled: { text: 'a request is throttled', chance: 0.05 },
  serverError: { text: 'a request ends with 500 or 503, applied or not', chance: 0.04 },
  partialBatch: { text: 'a batch of deletes is applied in part', chance: 0.4 },
  slow: { text: 'a request takes seconds', chance: 0.03 },
  killed: { text: 'a process is killed between two storage calls', chance: 0.01 },
  frozen: { text: 'a process is frozen and woken', chance: 0.008 },
  skewed: { text: 'a clock is minutes off', chance: 0.5 },
  answerLost: { text: 'an answer to a client is lost', chance: 0.05 },
  invokedTwice: { text: 'a request is served twice', chance: 0.1 },
  visibleLate: { text: 'an object is visible late in another region', chance: 0.3 },
  messageLost: { text: 'a message for a worker is lost', chance: 0.1 },
  messageTwice: { text: 'a message for a worker comes twice', chance: 0.1 },
  messageLate: { text: 'a message for a worker comes late', chance: 0.1 },
  regionLost: { text: 'a region is lost for a while: calls of its bucket fail', chance: 0 },
  regionHangs: { text: 'a region is lost for a while: calls of its bucket are not answered', chance: 0 },
  regionSlow: { text: 'the bucket of a region is slow for a while', chance: 0 },
  copyLate: { text: 'what a bucket copies to another region comes late', chance: 0.3 },
  copyLost: { text: 'what a bucket copies to another region is lost', chance: 0.1 },
} as const;

export type Fault = keyof typeof FAULTS;

export const ALL_FAULTS = Object.keys(FAULTS) as Fault[];

/** What faults, and others' doings, can bring the log's code into. A simulation that never gets there proves little. */
export const SITUATIONS = {
  fence: 'an entry is refused by the fence',
  floor: 'an entry is refused by the floor',
  producer: "an entry is refused by its producer's state",
  evictions: 'an entry is refused since producers were put aside',
  contains: 'an entry is refused since it is there already',
  headGone: 'an entry comes to a head that is gone',
  rollLost: 'a roll is refused, since another has it in hand',
  rowThere: 'an index row is there already',
  evictionLost: 'putting producers aside is refused',
  bytesGone: 'a reader finds bytes collected',
  bytesNotYet: 'a reader finds bytes not yet visible',
  wokenAfterFence: 'a frozen process wakes after a fence moved',
  wokenAfterFloor: 'a frozen process wakes after a floor moved',
  wokenAfterRoll: 'a frozen process wakes after another finished a roll',
  orphanCollected: 'garbage is collected',
  merged: 'rows become a segment',
  mergeLost: 'a merge is refused, since its rows have changed',
  absorbed: 'a row is marked as absorbed',
  absorptionLost: 'a mark is refused, since the row has changed',
  segmentFenced: 'a row is counted up, so that a sleeping merger is refused',
  segmentCollected: 'a segment object is collected',
  markCollected: 'a mark is collected',
  rowsCleaned: 'rows are cleaned of records that have a later one of their key',
  cleaningLost: 'the swap of a row that was cleaned is refused',
  tombstonesRemoved: 'tombstones are removed',
  passCut: 'a pass of compaction is cut short',
  passFinished: 'a pass of compaction that was cut short is finished',
  workHeld: 'a worker finds another at work',
  workHandedOn: 'a worker hands on what is left',
  workDoneBefore: 'a worker finds that its work was done',
  workerKilled: 'a worker is killed at its work',
  workerWoken: 'a job wakes after an hour or a day',
  topicPurged: 'a deleted topic is purged',
  creationAbandoned: 'a topic whose creation never ended is abandoned',
  runAskedFor: 'a run of maintenance is asked for',
  partitionMoved: 'a partition goes from one member to another',
  claimLost: 'a claim is refused, since the position has changed',
  commitCrossed: 'a commit is refused, since the position has changed',
  instanceFenced: 'a call is refused, since another instance has its name',
  commitFenced: "a commit is refused, since the partition is not its member's any more",
  memberCrossed: 'a write of a member is refused, since it has changed',
  memberPutOut: 'a member whose session is over is put out',
  memberStays: 'a member that was to be put out has been heard of',
  staticTakenOver: 'a static member takes the place of the one before',
  confirmedRevocation: 'a partition is let go that was asked for',
  divisionLost: 'a division is refused, since another counts by now',
  orphanDivisionDeleted: 'a division that never counted is deleted',
  wokenAfterClaim: 'a frozen member wakes after another has claimed its partition',
  pollUsedUp: 'a poll is repeated when what it gave is no longer the member’s',
  pollRepeated: 'a poll is repeated, and gives its records again',
  positionReset: 'a position is reset',
  positionDeleted: 'a position is deleted',
  groupDeleted: 'a group is deleted',
  inSync: 'an entry is refused since its appender does not know that a region joins',
  regionLeft: 'a region is put out of the in-sync set',
  regionJoins: 'a region begins to join',
  regionInSync: 'a region is in sync again',
  inSyncCrossed: 'a change of who is in sync is refused, since another came first',
  headRaised: 'a head is told that a region joins',
  objectsCopied: 'a region is given what it lacks',
  scrubbed: 'a scrub finds something missing',
  readElsewhere: 'bytes are read in another region',
  tooFewInSync: 'an append is refused since too few regions are in sync',
  acksOne: 'an append is acknowledged by one region',
} as const;

export type Situation = keyof typeof SITUATIONS;

export type Coverage = Map<Fault | Situation, number>;

export function count(coverage: Coverage, what: Fault | Situation, times = 1): void {
  coverage.set(what, (coverage.get(what) ?? 0) + times);
}

/** Whether, and which, faults befall; until the weather clears. */
export interface Weather {
  /** True if the fault is in play and chance has it; it is counted then. */
  strikes(fault: Fault, where?: () => string): boolean;
  clear(): void;
  isClear(): boolean;
  readonly coverage: Coverage;
  readonly random: Random;
}

/** `intensities`: the faults in play, each with a factor of its chance. */
export function createWeather(
  random: Random,
  trace: World['trace'],
  intensities: Readonly<Partial<Record<Fault, number>>>,
  coverage: Coverage,
): Weather {
  let cleared = false;
  return {
    coverage,
    random,
    clear() {
      cleared = true;
    },
    isClear: () => cleared,
    strikes(fault, where) {
      const intensity = intensities[fault] ?? 0;
      // Drawn even if it cannot be, so that taking one fault out of play moves the others less.
      const struck = random.real() < FAULTS[fault].chance * intensity;
      if (cleared || !struck) return false;
      count(coverage, fault);
      trace(where?.() ?? '', 'FAULT', FAULTS[fault].text);
      return true;
    },
  };
}
