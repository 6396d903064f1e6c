import type { CommitOffset, PartitionName, SeekPosition } from '../../group/groups.ts';
import type { ConsumerRecord, Heartbeat } from './instance.ts';

/** A partition that the consumer holds. One that is lost and comes again is another. */
export interface Holding extends PartitionName {
  /** Of the next record that a poll is to give; `undefined`: whatever it gives. */
  expected: number | undefined;
  /** Where the server is to go on, before the next poll. */
  seekTo: SeekPosition['offset'] | undefined;
  /** From this offset on there was nothing where it was looked for once more: what comes behind is next. */
  gapAt: number | undefined;
  /** Behind the last record that the loop is done with. */
  finished: number | undefined;
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
  /** What the loop has been given, and is not known to be done with. */
  atHand: { readonly run: Run; readonly from: number } | undefined;
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

/**
 * Takes over what a heartbeat told. Its positions are only to be relied on if no poll was under way meanwhile (`isQuiet`): it
 * might have moved them, and its records be on their way. A position beyond what was given has been moved by a poll that
 * nobody heard of, or stands behind a gap: it is looked at once more.
 */
export function reconcile(holdings: Holdings, { assigned, revoking }: Heartbeat, isQuiet: boolean): Changes {
  const { held } = holdings;
  const gained: Holding[] = [];
  const told = new Set<string>();
  const toStop = new Set(revoking.map(keyOf));
  for (const { topic, partition, position } of assigned) {
    const key = keyOf({ topic, partition });
    told.add(key);
    let holding = held.get(key);
    // One that has stopped, and is to stay after all, begins anew.
    if (holding === undefined || (holding.stopped && !toStop.has(key))) {
      holding = newHolding({ topic, partition }, isQuiet && position >= 0 ? position : undefined);
      held.set(key, holding);
      gained.push(holding);
    } else if (isQuiet && holding.expected !== undefined && position > holding.expected) {
      if (!holding.paused && !isSeeking(holding)) lookAgain(holding, holding.expected);
    }
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

function newHolding(name: PartitionName, expected: number | undefined): Holding {
  const nothing = { seekTo: undefined, gapAt: undefined, finished: undefined, committed: undefined };
  return { ...name, expected, ...nothing, paused: false, stopping: false, stopped: false };
}

/** Puts records of a poll behind those that wait, as far as they are wanted. Returns those of partitions that are not held. */
export function accept(holdings: Holdings, records: readonly ConsumerRecord[]): ConsumerRecord[] {
  const strange: ConsumerRecord[] = [];
  for (let start = 0; start < records.length; ) {
    const first = records[start]!;
    let end = start + 1;
    while (end < records.length && isSame(records[end]!, first)) end++;
    const run = records.slice(start, end);
    const holding = find(holdings, first);
    if (holding === undefined) strange.push(...run);
    else acceptRun(holdings, holding, run);
    start = end;
  }
  return strange;
}

export const isSame = (a: PartitionName, b: PartitionName): boolean =>
  a.partition === b.partition && a.topic === b.topic;

function acceptRun(holdings: Holdings, holding: Holding, records: readonly ConsumerRecord[]): void {
  if (isSeeking(holding) || holding.stopping) return;
  const { offset } = records[0]!;
  const expected = holding.expected ?? offset;
  if (holding.paused) {
    // Where to go on later.
    holding.expected = expected;
    return;
  }
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
  holdings.atHand = { run, from };
  return run.records.slice(from, run.at);
}

/** The loop is done with what is at hand, or says that it is (`commit`). */
export function finish({ atHand }: Holdings): void {
  if (atHand === undefined) return;
  const { run } = atHand;
  run.holding.finished = run.records[run.at - 1]!.offset + 1;
}

/** The loop was left: what is at hand is to be given again, unless it went elsewhere by a seek. */
export function putBack(holdings: Holdings): void {
  const { atHand } = holdings;
  holdings.atHand = undefined;
  if (atHand === undefined) return;
  const { run, from } = atHand;
  const { holding } = run;
  if (isSeeking(holding) && !holding.paused && !holding.stopping) return;
  run.at = from;
  if (holdings.waiting[0] !== run) holdings.waiting.unshift(run);
  if (holding.paused || holding.stopping) holding.expected = run.records[from]!.offset;
  dropUnwanted(holdings);
}

function dropUnwanted(holdings: Holdings): void {
  holdings.waiting = holdings.waiting.filter(
    ({ holding }) => find(holdings, holding) === holding && !holding.paused && !holding.stopping,
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

export function seek(holdings: Holdings, holding: Holding, offset: SeekPosition['offset']): void {
  setAside(holdings, holding);
  holding.expected = typeof offset === 'number' ? offset : undefined;
  holding.gapAt = undefined;
  // One that is paused goes there when it is resumed, unless only the server knows where that is.
  holding.seekTo = holding.paused && typeof offset === 'number' ? 'latest' : offset;
}

/** What is to be committed. */
export function uncommitted({ held }: Holdings): (CommitOffset & { readonly holding: Holding })[] {
  return [...held.values()].flatMap((holding) => {
    const { finished, committed } = holding;
    if (finished === undefined || finished === committed) return [];
    return [{ ...nameOf(holding), offset: finished, holding }];
  });
}
