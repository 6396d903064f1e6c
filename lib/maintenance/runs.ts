import type { Clock } from '../clock.ts';
import { ALL_DUE_UNIT, dueItem, dueKey, parseDueKey, topicUnit, type Unit } from '../log/due.ts';
import type { LogTopic } from '../log/log.ts';
import { withRetries } from '../log/retry.ts';
import type { Condition, Item, ItemPage, ItemStore, Query } from '../storage/ports.ts';
import type { Topic } from '../topic/topic.ts';
import { randomUuid } from '../uuid.ts';
import type { Wadi } from '../wadi.ts';
import { ALL_TOPICS, dueBy } from './dueItems.ts';
import { addCounts, type Counts } from './job.ts';
import type { MaintenanceLimits } from './limits.ts';
import { inBatches } from './pass.ts';

/**
 * The account of a run that somebody asked for, in the log table:
 *
 *   pk 'run'   sk run id                startedAtMs
 *   pk 'run'   sk `<run id>/<topicId>`   name, done (0, 1, or 2: given up), counts (text: JSON), error
 *   pk 'run'   sk `<run id>/due`         the same, of what is due besides
 */
const RUN_PK = 'run';
const DIGITS = 15;
const ROWS_PER_PAGE = 1_000;

export interface RunUnit {
  /** Of the topic; '' for what is due besides. */
  readonly name: string;
  readonly done: boolean;
  /** So far. */
  readonly counts: Counts;
  /** Why its last attempt failed; it is tried again. */
  readonly error?: string;
}

export interface Run {
  readonly runId: string;
  readonly startedAtMs: number;
  readonly units: readonly RunUnit[];
  readonly left: number;
  readonly counts: Counts;
}

/**
 * Has all maintenance of a topic done at once, due or not, by whoever receives the messages; or that of all topics, and whatever else is
 * due. The account is there first, so that what is done is noted; what is due is there before it is sent: so if that fails,
 * of which `warn` is told, it is done with the next plan.
 */
export async function startRun(
  { clock, storage, queue, topics }: Wadi,
  topic: Topic | undefined,
  { writesAtOnce }: MaintenanceLimits,
  warn: (error: unknown) => void,
): Promise<Run> {
  const items = storage.log;
  const startedAtMs = clock.now();
  const chosen = topic === undefined ? await topics.list() : [topic];
  const work = chosen.map((topic) => ({ topic: topic as LogTopic, unit: topicUnit(topic.id, 'all') }));
  if (topic === undefined) work.push({ topic: ALL_TOPICS, unit: ALL_DUE_UNIT });
  const runId = `${String(startedAtMs).padStart(DIGITS, '0')}-${randomUuid(clock)}`;
  await withRetries(clock, () => items.put({ pk: RUN_PK, sk: runId, startedAtMs }));
  const units = work.map(({ topic }) => ({ name: topic.name, done: false, counts: {} }));
  const due: string[] = [];
  await inBatches([...work.entries()], writesAtOnce, async ([i, { topic, unit }]) => {
    await withRetries(clock, () => noteRun(items, runId, unit, units[i]!));
    due.push(await putDue(items, clock, dueItem(topic, unit, startedAtMs), runId));
  });
  await queue.send(due).catch(warn);
  return { runId, startedAtMs, units, left: units.length, counts: {} };
}

/** Beside that of another run, which may have begun in the same millisecond. */
async function putDue(items: ItemStore, clock: Clock, first: Item, runId: string): Promise<string> {
  const { dueAtMs, unit } = parseDueKey(first);
  for (let atMs = dueAtMs; ; atMs++) {
    const due = { ...first, ...dueKey(unit, atMs), runId };
    const { item } = await withRetries(clock, () => items.put(due, { missing: ['pk'] }));
    if (item?.runId === runId) return due.sk;
  }
}

/**
 * For a process whose queue was lost with the one before: sends what is left of runs. Whoever was at work on it has most likely died
 * as well; if not, it is done twice.
 */
export async function resumeRuns(wadi: Wadi, { duePerPage }: MaintenanceLimits): Promise<void> {
  const { clock, storage, queue } = wadi;
  const all = { duePerPage, pagesPerPlan: Number.POSITIVE_INFINITY };
  for await (const items of dueBy({ items: storage.log, clock }, clock.now(), all)) {
    const left = items.filter(({ runId }) => runId !== undefined);
    for (const { pk, sk } of left) {
      await withRetries(clock, () =>
        storage.log.update({ pk, sk }, [{ set: ['untilMs'], to: 0 }], { exists: ['pk'] }),
      );
    }
    await queue.send(left.map(({ sk }) => sk));
  }
}

export async function noteRun(
  items: ItemStore,
  runId: string,
  unit: Unit,
  { name, done, counts, error }: RunUnit,
  isGivenUp = false,
): Promise<void> {
  const row: Item = {
    ...{ pk: RUN_PK, sk: `${runId}/${unit.split('/')[0]}`, name, done: isGivenUp ? 2 : Number(done) },
    ...{ counts: JSON.stringify(counts), ...(error !== undefined && { error }) },
  };
  // What is done or given up stays so, though a word of before may come late.
  const isLeft: Condition = { not: { path: ['done'], is: '>', value: 0 } };
  await (done ? items.put(row) : items.put(row, isLeft));
}

/** `undefined` if there is none of that id. */
export async function readRun({ clock, storage }: Wadi, runId: string): Promise<Run | undefined> {
  // No id that is given out is a part of another, or has a '/'.
  if (!/^\d{15}-[\w-]{22}$/.test(runId)) return undefined;
  const rows: Item[] = [];
  let from: string | undefined = runId;
  while (from !== undefined) {
    const query: Query = { pk: RUN_PK, from, to: `${runId}/~`, limit: ROWS_PER_PAGE };
    const page: ItemPage = await withRetries(clock, () => storage.log.query(query));
    rows.push(...page.items);
    from = page.lastSk && `${page.lastSk}-`;
  }
  const [header, ...others] = rows;
  if (header?.sk !== runId) return undefined;
  const units = others.map(decodeRow);
  return {
    runId,
    startedAtMs: header.startedAtMs as number,
    units,
    left: units.filter(({ done }) => !done).length,
    counts: units.reduce((sum, unit) => addCounts(sum, unit.counts), {}),
  };
}

function decodeRow(item: Item): RunUnit {
  const { name, done, counts, error } = item as Item & { name: string; counts: string };
  const failed = error === undefined ? {} : { error: error as string };
  return { name, done: done === 1, counts: JSON.parse(counts) as Counts, ...failed };
}

/** Those that began before. */
export async function forgetRuns(
  items: ItemStore,
  beforeMs: number,
  { writesAtOnce }: MaintenanceLimits,
): Promise<void> {
  const query = { pk: RUN_PK, to: String(beforeMs).padStart(DIGITS, '0'), limit: ROWS_PER_PAGE };
  for (let more = true; more; ) {
    const page = await items.query(query);
    await inBatches(page.items, writesAtOnce, ({ pk, sk }) => items.delete({ pk, sk }));
    more = page.lastSk !== undefined;
  }
}
