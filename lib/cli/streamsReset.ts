import { type Command, Option } from 'commander';
import type { Api } from './api.ts';
import { addDestinations, DESTINATIONS, type DestinationOptions, destinationsOf } from './destinations.ts';
import type { Io } from './io.ts';
import { examples } from './options.ts';
import { applicationPath } from './streamsPath.ts';
import { table } from './table.ts';

interface ResetOptions extends DestinationOptions {
  readonly dryRun?: true;
  readonly execute?: true;
}

/** As the API tells it. */
interface Position {
  readonly topic_name: string;
  readonly partition_id: number;
  readonly task_id: string;
  readonly before: number;
  readonly offset: number;
}

/** `streams reset`: kafka-streams-application-reset. */
export function addStreamsReset(streams: Command, io: Io, connect: () => Promise<Api>): void {
  addDestinations(
    streams
      .command('reset <application>')
      .description(
        'let an application begin anew, without state; without --execute, show where it would go on',
      ),
  )
    .option('--dry-run', 'show where the positions would be, and change nothing; the default')
    .addOption(new Option('--execute', 'do it').conflicts('dryRun'))
    .addHelpText(
      'after',
      `
It goes to the log start of what it reads, unless you say where. The topics that it has made for itself, its stores and
snapshots are deleted; what it has put into other topics stays there. Stop its workers first: it is refused while one
has a task. If it is interrupted, do it again: until then nobody works on the application.
before: the position until now; - if there was none.
${examples(
  'wadi streams reset word-count',
  'wadi streams reset word-count --execute',
  'wadi streams reset word-count --to-datetime 2026-05-04T10:00:00Z --execute',
)}`,
    )
    .action(async (application: string, options: ResetOptions, command: Command) => {
      const { dryRun, execute } = options;
      const [to = 'earliest', ...others] = destinationsOf(options);
      if (others.length > 0) command.error(`error: give one of ${DESTINATIONS}`);
      const api = await connect();
      const path = `${applicationPath(application)}/positions:reset`;
      const body = JSON.stringify({ to, dry_run: !execute });
      const { data } = await api.send<{ data: readonly Position[] }>('POST', path, body);
      io.stdout.write(movedTable(data));
      if (!execute && !dryRun) io.stderr.write('wadi: nothing is changed without --execute\n');
    });
}

function movedTable(moved: readonly Position[]): string {
  return table([
    ['topic', 'partition', 'task', 'before', 'offset'],
    ...moved.map(({ topic_name, partition_id, task_id, before, offset }) => [
      ...[topic_name, String(partition_id), task_id],
      before < 0 ? '-' : String(before),
      String(offset),
    ]),
  ]);
}
