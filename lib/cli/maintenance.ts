import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { type Api, topicPath } from './api.ts';
import { byteSize } from './byteSize.ts';
import { CliError } from './cliError.ts';
import type { Io } from './io.ts';
import { integer } from './options.ts';
import { table } from './table.ts';
import { showProgress } from './verify/progress.ts';

interface PartitionSurvey {
  readonly size_bytes: number;
  readonly segments_count: number;
  readonly unmerged_bytes: number;
  readonly oldest_unmerged_age_ms: number;
  readonly floor_lag_ms: number;
}

type Counts = Readonly<Record<string, number>>;

interface Status {
  readonly due_count: number;
  readonly oldest_due_age_ms: number;
  readonly running: readonly { unit: string; topic_name: string }[];
  readonly last_runs: readonly {
    unit: string;
    topic_name: string;
    ended_at_ms: number;
    took_ms: number;
    counts: Counts;
    error?: string;
  }[];
}

interface Run {
  readonly run_id: string;
  readonly units_count: number;
  readonly left_count: number;
  readonly counts: Counts;
  readonly units: readonly { topic_name: string; done: boolean; error?: string }[];
}

interface RunOptions {
  readonly topic?: string;
  readonly timeout: number;
}

const POLL_MS = 250;
/** Of a run on Lambda a moment more or less does not count, but each poll costs. */
const LONG_POLL_MS = 2_000;
const TIMEOUT_SECONDS = 3_600;
const RUNS_SHOWN = 10;

export function addMaintenance(program: Command, io: Io, connect: () => Promise<Api>): void {
  const maintenance = program
    .command('maintenance')
    .description('see what maintenance does, or have it done now')
    .addHelpText(
      'after',
      `
Maintenance goes on by itself: what is quiet is rolled, small pieces are merged into segments, records that have
expired or were compacted are deleted, and their storage is freed.
`,
    );

  maintenance
    .command('status')
    .description(
      'show what topics hold, how far maintenance lags behind, what is due, and what was done last',
    )
    .option('-t, --topic <topic>', 'of this topic alone')
    .addHelpText(
      'after',
      `
size              of the record batches that can be read, as stored
segments          index rows that lead to them
unmerged          of the size, what still lies in small pieces
oldest unmerged   since when the oldest of these does
floor lag         how long its garbage has been due and not been collected; minutes, or - if none is

Examples:
  $ wadi maintenance status
  $ wadi maintenance status --topic orders
`,
    )
    .action(async ({ topic }: { topic?: string }) => {
      const api = await connect();
      const topics = topic === undefined ? await topicNames(api) : [topic];
      io.stdout.write(await topicsTable(api, topics));
      io.stdout.write(`\n${statusText(await api.get<Status>('/maintenance'), Date.now())}`);
    });

  maintenance
    .command('run')
    .description(
      'do all maintenance of topics now, due or not, and whatever else is due; return when it is done',
    )
    .option('-t, --topic <topic>', 'of this topic alone')
    .option('--timeout <seconds>', 'wait no longer; the run goes on', integer(1), TIMEOUT_SECONDS)
    .addHelpText(
      'after',
      `
A unit is a topic; one more is what else is due, such as the purge of topics that were deleted.
Exit code: 0 when all is done; 1 when some of it failed, or when the time is over.

Examples:
  $ wadi maintenance run
  $ wadi maintenance run --topic orders
`,
    )
    .action(async (options: RunOptions) => {
      const run = await runAll(io, await connect(), options);
      const counts = Object.entries(run.counts).map(([name, count]) => [words(name), shown(name, count)]);
      // One unit is of what was due besides.
      const topics = options.topic === undefined ? run.units_count - 1 : 1;
      io.stdout.write(table([['topics', String(topics)], ...counts]));
    });
}

async function topicNames(api: Api): Promise<string[]> {
  const topics = await api.list<{ topic_name: string }>('/topics');
  return topics.map(({ topic_name }) => topic_name);
}

async function topicsTable(api: Api, topics: readonly string[]): Promise<string> {
  const rows: string[][] = [];
  for (const topic of topics) {
    const all = { size: 0, segments: 0, unmerged: 0, oldestUnmergedMs: 0, floorLagMs: 0 };
    for (const partition of await api.list<PartitionSurvey>(`${topicPath(topic)}/maintenance`)) {
      all.size += partition.size_bytes;
      all.segments += partition.segments_count;
      all.unmerged += partition.unmerged_bytes;
      all.oldestUnmergedMs = Math.max(all.oldestUnmergedMs, partition.oldest_unmerged_age_ms);
      all.floorLagMs = Math.max(all.floorLagMs, partition.floor_lag_ms);
    }
    const { size, segments, unmerged, oldestUnmergedMs, floorLagMs } = all;
    const oldest = unmerged === 0 ? '-' : duration(oldestUnmergedMs);
    const lag = floorLagMs === 0 ? '-' : duration(floorLagMs);
    rows.push([topic, byteSize(size), String(segments), byteSize(unmerged), oldest, lag]);
  }
  return table([['topic', 'size', 'segments', 'unmerged', 'oldest unmerged', 'floor lag'], ...rows]);
}

function statusText({ due_count, oldest_due_age_ms, running, last_runs }: Status, now: number): string {
  const due = due_count === 0 ? 'nothing' : `${due_count}, the oldest for ${duration(oldest_due_age_ms)}`;
  const atWork = running.map(({ unit, topic_name }) => named(unit, topic_name)).join(', ') || 'nobody';
  const runs = last_runs
    .slice(0, RUNS_SHOWN)
    .map(({ unit, topic_name, ended_at_ms, took_ms, counts, error }) => [
      named(unit, topic_name),
      `${duration(Math.max(0, now - ended_at_ms))} ago`,
      duration(took_ms),
      error ?? summary(counts),
    ]);
  return [
    table([
      ['due now', due],
      ['at work', atWork],
    ]),
    runs.length === 0 ? '' : `\n${table([['last runs', 'ended', 'took', 'did'], ...runs])}`,
  ].join('');
}

/** `orders head 2` for `<topic id>/head/2`. */
function named(unit: string, topic: string): string {
  const [first = '', ...rest] = unit.split('/');
  return rest.length === 0 ? first : [topic, ...rest].join(' ');
}

async function runAll(io: Io, api: Api, { topic, timeout }: RunOptions): Promise<Run> {
  if (topic !== undefined) topicPath(topic);
  const body = JSON.stringify(topic === undefined ? {} : { topic_name: topic });
  let run = await api.send<Run>('POST', '/maintenance/run', body);
  const hideProgress = showProgress(io, () => {
    const { units_count, left_count, counts } = run;
    return `${units_count - left_count} of ${units_count} units done; ${summary(counts)}`;
  });
  try {
    const endsAtMs = performance.now() + timeout * 1_000;
    for (let polls = 0; run.left_count > 0; polls++) {
      const failed = run.units.filter(({ done, error }) => !done && error !== undefined);
      if (failed.length === run.left_count) throw failure(run, failed);
      if (performance.now() > endsAtMs) {
        throw new CliError(`${run.left_count} of ${run.units_count} units are not done yet; the run goes on`);
      }
      await sleep(polls < 20 ? POLL_MS : LONG_POLL_MS);
      run = await api.get<Run>(`/maintenance/runs/${run.run_id}`);
    }
  } finally {
    hideProgress();
  }
  return run;
}

function failure({ units_count }: Run, failed: Run['units']): CliError {
  const reasons = failed
    .slice(0, RUNS_SHOWN)
    .map(({ topic_name, error }) => `${topic_name || 'what else is due'}: ${error}`);
  return new CliError(
    `maintenance of ${failed.length} of ${units_count} units failed, and is tried again in some minutes:\n  ${reasons.join('\n  ')}`,
  );
}

function summary(counts: Counts): string {
  const told = Object.entries(counts).filter(([name, count]) => name !== 'heads' && count > 0);
  return told.map(([name, count]) => `${words(name)} ${shown(name, count)}`).join(', ') || 'nothing to do';
}

/** `objects written` for `objectsWritten`. */
function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function shown(name: string, count: number): string {
  return name.startsWith('bytes') ? byteSize(count) : String(count);
}

const SCALE = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;

/** For people: `340 ms`, `12 s`, `3 min`, `2 d`. */
function duration(ms: number): string {
  const [unit, size] = SCALE.find(([, each]) => ms >= each) ?? ['ms', 1];
  return `${Math.floor(ms / size)} ${unit}`;
}
