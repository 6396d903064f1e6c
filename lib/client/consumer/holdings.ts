import type { ConsumerRecord, Heartbeat } from './instance.ts';
import type { CommitOffset, PartitionName, SeekPosition } from './partitions.ts';

/** A partition that the consumer holds. One that is lost and comes again is another. */
export interface Holding extends PartitionName {
  /** Of the next record that a poll is to give; `undefined`: whatever it gives. */
  expected: number | undefined;
  /** Where the server was to go on when it was asked last: where the loop begins, unless a poll has moved it. */
  told: number | undefined;
  /** Where the server is to go on, before the next poll. */
  seekTo: SeekPosition['offset'] | undefined;
  /** From this offset on there was nothing where it was looked for once more: what comes behind is next. */
  gapAt: number | undefined;
  /**
   * Kafka's position, which is what is committed: behind the last record that the loop is done with, or else where it begins.
   * `undefined` while that is not known, or may lie beyond the end.
   */
  position: number | undefined;
  committed: number | undefined;
  paused: boolean;
  /** It goes to another member: none of its records is given any more. */
  stopping: boolean;
  /** It may go: nothing of it is at hand, and the hooks have run. */
  stopped: boolean;
}

/** What the consumer holds, and the records that it has and has not given yet. */
export interface Holdings {
  readonly held: Map<string, Holding>;
  waiting: Run[];
  atHand: AtHand | undefined;
}

/** What the loop has been given, until it asks for more or is left. */
interface AtHand {
  readonly run: Run;
  readonly from: number;
  /** Said to be finished (`commit`), or sought away from: it is not given again. */
  readonly isDone: boolean;
}

/** Records of one partition that follow each other. */
interface Run {
  readonly holding: Holding;
  readonly records: readonly ConsumerRecord[];
  /** The first that was not given. */
  at: number;
}

export const newHoldings = (): Holdings => ({ held: new Map(), waiting: [], atHand: undefined });

export const nameOf = ({ topic, partition }: PartitionName): PartitionName => ({ topic, partition });
const keyOf = ({ topic, partition }: PartitionName): string => `${partition} ${topic}`;

export function find({ held }: Holdings, name: PartitionName): Holding | undefined {
  return held.get(keyOf(name));
}

export interface Changes {
  readonly gained: readonly Holding[];
  readonly lost: readonly Holding[];
}

/** Whether a heartbeat tells of a partition that is not held, or has stopped and is to stay after all, which then begins anew. */
export function isGain(holdings: Holdings, { assigned, revoking }: Heartbeat): boolean {
  const isStaying = (holding: Holding) => !revoking.some((each) => isSame(each, holding));
  return assigned.some((each) => {
    const holding = find(holdings, each);
    return holding === undefined || (holding.stopped && isStaying(holding));
  });
}

/** What is known beside what a heartbeat tells. */
export interface Known {
  /** What the group has committed of the partitions that are new. */
  readonly committed: readonly CommitOffset[];
  /** Where it begins in those of which it has committed nothing: `auto.offset.reset` is earliest. */
  readonly isEarliest: boolean;
  /** No poll was under way meanwhile. */
  readonly isQuiet: boolean;
}

/**
 * Takes over what a heartbeat told. A position beyond what was given has been moved by a poll that nobody heard of, or stands
 * behind a gap, if it is quiet: it is looked at once more.
 */
export function reconcile(
  holdings: Holdings,
  { assigned, revoking }: Heartbeat,
  { committed, isEarliest, isQuiet }: Known,
): Changes {
  const { held } = holdings;
  const gained: Holding[] = [];
  const told = new Set<string>();
  const toStop = new Set(revoking.map(keyOf));
  for (const { topic, partition, position } of assigned) {
    const key = keyOf({ topic, partition });
    told.add(key);
    let holding = held.get(key);
    if (holding === undefined || (holding.stopped && !toStop.has(key))) {
      const known = committed.find((each) => each.partition === partition && each.topic === topic)?.offset;
      // What had stopped may be of a topic that was made again since; else the server goes on behind what was dropped.
      const seekTo = holding && (known ?? (isEarliest ? 'earliest' : undefined));
      holding = newHolding({ topic, partition }, known, seekTo);
      held.set(key, holding);
      gained.push(holding);
    } else if (isQuiet && holding.expected !== undefined && position > holding.expected) {
      if (!holding.paused && !isSeeking(holding)) lookAgain(holding, holding.expected);
    }
    if (position >= 0 && !isSeeking(holding)) holding.told = position;
    setStopping(holdings, holding, toStop.has(key));
  }
  const lost = [...held.values()].filter((holding) => !told.has(keyOf(holding)));
  for (const holding of lost) held.delete(keyOf(holding));
  dropUnwanted(holdings);
  return { gained, lost: lost.filter(({ stopped }) => !stopped) };
}

function setStopping(holdings: Holdings, holding: Holding, stopping: boolean): void {
  if (stopping === holding.stopping) return;
  holding.stopping = stopping;
  if (stopping) setAside(holdings, holding);
  else if (holding.expected !== undefined && !holding.paused) holding.seekTo ??= holding.expected;
}

const isSeeking = ({ seekTo }: Holding): boolean => seekTo !== undefined;

export function loseAll(holdings: Holdings): Holding[] {
  const lost = [...holdings.held.values()];
  holdings.held.clear();
  dropUnwanted(holdings);
  return lost;
}

function newHolding(name: PartitionName, committed: number | undefined, seekTo: Holding['seekTo']): Holding {
  const start = { expected: committed, position: committed, committed, told: undefined, seekTo };
  return { ...name, ...start, gapAt: undefined, paused: false, stopping: false, stopped: false };
}

/** Whether the consumer holds it: not one that was lost, nor the same partition that has come again since. */
export function isHeld(holdings: Holdings, holding: Holding): boolean {
  return find(holdings, holding) === holding;
}

/** Where the loop would begin in partitions of which it is not known, if the next poll brings nothing of them. */
export type Starts = readonly (readonly [holding: Holding, start: number])[];

export function possibleStarts({ held }: Holdings): Starts {
  return [...held.values()].flatMap((holding) => {
    const { position, told } = holding;
    return position === undefined && told !== undefined && !isSeeking(holding) ? [[holding, told]] : [];
  });
}

/**
 * A poll that was begun when these were known has been answered, and its records taken: what they are not of was moved by no poll
 * that nobody heard of, since this one would have brought its records again.
 */
export function settle(starts: Starts): void {
  for (const [holding, start] of starts) {
    if (holding.position === undefined && !isSeeking(holding)) begin(holding, holding.expected ?? start);
  }
}

function begin(holding: Holding, start: number): void {
  holding.expected = start;
  holding.position ??= start;
}

/** Puts records of a poll behind those that wait, as far as they are wanted. */
export function accept(holdings: Holdings, records: readonly ConsumerRecord[]): void {
  for (let start = 0; start < records.length; ) {
    const first = records[start]!;
    let end = start + 1;
    while (end < records.length && isSame(records[end]!, first)) end++;
    const run = records.slice(start, end);
    const holding = find(holdings, first);
    if (holding !== undefined) acceptRun(holdings, holding, run);
    start = end;
  }
}

export const isSame = (a: PartitionName, b: PartitionName): boolean =>
  a.partition === b.partition && a.topic === b.topic;

function acceptRun(holdings: Holdings, holding: Holding, records: readonly ConsumerRecord[]): void {
  if (isSeeking(holding)) return;
  const { offset } = records[0]!;
  // Also of one that is to go on later.
  begin(holding, holding.expected ?? offset);
  const expected = holding.expected!;
  if (holding.paused || holding.stopping) return;
  if (offset > expected && holding.gapAt !== expected) {
    lookAgain(holding, expected);
    return;
  }
  const fresh = records.filter((record) => record.offset >= expected);
  const last = fresh.at(-1);
  if (last === undefined) return;
  holding.expected = last.offset + 1;
  holdings.waiting.push({ holding, records: fresh, at: 0 });
}

/** Compaction leaves gaps; but a poll that was answered to nobody leaves one as well. */
function lookAgain(holding: Holding, expected: number): void {
  if (holding.gapAt === expected) return;
  holding.gapAt = expected;
  holding.seekTo = expected;
}

/** Gives the next record, or all of the next run. They are at hand until they are finished or put back. */
export function hand(holdings: Holdings, whole: boolean): readonly ConsumerRecord[] | undefined {
  const [run] = holdings.waiting;
  if (run === undefined) return undefined;
  const from = run.at;
  run.at = whole ? run.records.length : from + 1;
  if (run.at === run.records.length) holdings.waiting.shift();
  holdings.atHand = { run, from, isDone: false };
  return run.records.slice(from, run.at);
}

/** The loop is done with what is at hand, or says that it is (`commit`). */
export function finish(holdings: Holdings): void {
  const { atHand } = holdings;
  if (atHand === undefined || atHand.isDone) return;
  const { run } = atHand;
  run.holding.position = run.records[run.at - 1]!.offset + 1;
  holdings.atHand = { ...atHand, isDone: true };
}

/** The loop was left: what is at hand is to be given again. */
export function putBack(holdings: Holdings): void {
  const { atHand } = holdings;
  holdings.atHand = undefined;
  if (atHand === undefined || atHand.isDone) return;
  const { run, from } = atHand;
  const { holding } = run;
  run.at = from;
  if (holdings.waiting[0] !== run) holdings.waiting.unshift(run);
  if (holding.paused || holding.stopping) holding.expected = run.records[from]!.offset;
  dropUnwanted(holdings);
}

function dropUnwanted(holdings: Holdings): void {
  holdings.waiting = holdings.waiting.filter(
    ({ holding }) => isHeld(holdings, holding) && !holding.paused && !holding.stopping,
  );
}

/** Where the loop will go on: the first record that waits, or else the next of a poll; `undefined`: whatever it gives. */
function nextOf({ waiting }: Holdings, holding: Holding): number | undefined {
  const run = waiting.find((each) => each.holding === holding);
  return run === undefined ? holding.expected : run.records[run.at]!.offset;
}

/** Drops what waits of a partition, so that it goes on there later. */
function setAside(holdings: Holdings, holding: Holding): void {
  holding.expected = nextOf(holdings, holding);
  holdings.waiting = holdings.waiting.filter((run) => run.holding !== holding);
  const { atHand } = holdings;
  if (atHand?.run.holding !== holding) return;
  // What is behind it comes again by a poll.
  const run = { ...atHand.run, records: atHand.run.records.slice(0, atHand.run.at) };
  holdings.atHand = { ...atHand, run };
}

/** The server's position goes to the end, so that polls do not bring in vain what lies before it. */
export function pause(holdings: Holdings, holding: Holding): void {
  if (holding.paused) return;
  setAside(holdings, holding);
  holding.paused = true;
  if (holding.expected !== undefined) holding.seekTo = 'latest';
}

export function resume(holding: Holding): void {
  if (!holding.paused) return;
  holding.paused = false;
  if (holding.expected !== undefined) holding.seekTo = holding.expected;
}

/** What is at hand is not finished thereby, nor given again. One that may lie beyond the end is committed once the server knows it. */
export function seek(holdings: Holdings, holding: Holding, offset: SeekPosition['offset']): void {
  setAside(holdings, holding);
  const { atHand } = holdings;
  if (atHand?.run.holding === holding) holdings.atHand = { ...atHand, isDone: true };
  const there = holding.expected ?? holding.told ?? 0;
  holding.expected = typeof offset === 'number' ? offset : undefined;
  holding.position =
    holding.expected !== undefined && holding.expected <= there ? holding.expected : undefined;
  holding.told = undefined;
  holding.gapAt = undefined;
  // One that is paused goes there when it is resumed, unless only the server knows where that is.
  holding.seekTo = holding.paused && typeof offset === 'number' ? 'latest' : offset;
}

/** The server was asked where a seek has led. From beyond the end it is where auto.offset.reset says. */
export function arrive(holding: Holding): void {
  const { expected, told } = holding;
  if (expected !== undefined && told !== undefined && told < expected) holding.expected = told;
}

/** What is to be committed. */
export function uncommitted({ held }: Holdings): (CommitOffset & { readonly holding: Holding })[] {
  return [...held.values()].flatMap((holding) => {
    const { position, committed } = holding;
    if (position === undefined || position === committed) return [];
    return [{ ...nameOf(holding), offset: position, holding }];
  });
}
