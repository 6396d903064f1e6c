import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ResetPosition } from '../client/groupsAdmin.ts';
import type { Api } from './api.ts';
import { addDestinations, DESTINATIONS, type DestinationOptions, destinationsOf } from './destinations.ts';
import type { Io } from './io.ts';
import { examples, integer, repeated } from './options.ts';
import { partitionNames } from './partitionNames.ts';
import { table } from './table.ts';

interface TopicScope {
  readonly topic: string;
  /** All, if absent. */
  readonly partitions?: readonly number[];
}

interface ResetOptions extends DestinationOptions {
  readonly topic?: readonly TopicScope[];
  readonly allTopics?: true;
  readonly dryRun?: true;
  readonly execute?: true;
}

const SCOPE_TEXT = 'a topic, or some of its partitions (orders:0,1,2); repeatable';

/** `groups reset` and `groups delete-offsets`, with the options of kafka-consumer-groups. */
export function addGroupPositions(groups: Command, io: Io, connect: () => Promise<Api>): void {
  const reset = groups
    .command('reset <group>')
    .description(
      'move the committed positions of a group whose members have left; without --execute, show it',
    )
    .option('-t, --topic <topic[:partitions]>', SCOPE_TEXT, repeated(scope))
    .addOption(
      new Option('--all-topics', 'all partitions in which the group has a position').conflicts('topic'),
    );
  addDestinations(reset)
    .option(
      '--shift-by <count>',
      'by so many offsets, back if negative; from the log start if there is no position',
      integer(Number.MIN_SAFE_INTEGER),
    )
    .option('--dry-run', 'show where the positions would be, and change nothing; the default')
    .addOption(new Option('--execute', 'move them').conflicts('dryRun'))
    .addHelpText(
      'after',
      `
Give one of the ways to say where, and --topic or --all-topics. What is out of range is moved into what the partition
holds. A group that is not there is made by --topic with --execute. If a member holds one of the partitions, nothing is
moved: end the consumers first. before: the position until now; - if there was none.
${examples(
  'wadi groups reset billing --all-topics --to-earliest',
  'wadi groups reset billing --topic orders:0,1 --to-datetime 2026-05-04T10:00:00Z --execute',
  'wadi groups reset billing --topic orders --shift-by -100 --execute',
)}`,
    )
    .action(async (group: string, options: ResetOptions, command: Command) => {
      const { topic: topics, allTopics, dryRun, execute } = options;
      if (topics === undefined && !allTopics) command.error("error: give '--topic' or '--all-topics'");
      const [to, ...others] = destinationsOf(options);
      if (to === undefined || others.length > 0)
        command.error(`error: give one of ${DESTINATIONS}, '--shift-by'`);
      const api = await connect();
      const moved = await api.groups.reset(group, to, { dryRun: !execute, ...(topics && { topics }) });
      io.stdout.write(movedTable(moved));
      if (!execute && !dryRun) io.stderr.write('wadi: nothing is changed without --execute\n');
    });

  groups
    .command('delete-offsets <group>')
    .description('forget committed positions of a group, in topics that none of its members reads')
    .requiredOption('-t, --topic <topic[:partitions]>', SCOPE_TEXT, repeated(scope))
    .addHelpText(
      'after',
      `
Who reads there next begins as in a new group (auto.offset.reset).
${examples('wadi groups delete-offsets billing --topic orders', 'wadi groups delete-offsets billing --topic orders:0,1')}`,
    )
    .action(async (group: string, { topic: scopes }: { topic: readonly TopicScope[] }) => {
      const { groups } = await connect();
      for (const { topic, partitions } of scopes) {
        for (const partition of partitions ?? [undefined]) {
          await groups.deletePositions(group, topic, partition);
        }
        const where = partitionNames((partitions ?? []).map((partition) => ({ topic, partition }))) || topic;
        io.stdout.write(`Deleted the positions of group '${group}' in ${where}.\n`);
      }
    });
}

function movedTable(moved: readonly ResetPosition[]): string {
  return table([
    ['topic', 'partition', 'before', 'offset'],
    ...moved.map(({ topic, partition, before, offset }) => [
      topic,
      String(partition),
      before < 0 ? '-' : String(before),
      String(offset),
    ]),
  ]);
}

function scope(text: string): TopicScope {
  const [topic = '', numbers, ...rest] = text.split(':');
  if (topic === '' || rest.length > 0 || (numbers !== undefined && !/^\d{1,9}(,\d{1,9})*$/.test(numbers))) {
    throw new InvalidArgumentError('It must be topic or topic:0,1,2.');
  }
  return numbers === undefined ? { topic } : { topic, partitions: numbers.split(',').map(Number) };
}
