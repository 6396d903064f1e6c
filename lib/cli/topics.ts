import type { Command } from 'commander';
import { isKafkaError } from '../client/clientError.ts';
import { CONFIG_NAMES, TOPIC_CONFIGS } from '../topic/configs.ts';
import { MAX_PARTITIONS } from '../topic/partitions.ts';
import { type Api, topicPath } from './api.ts';
import { describeTopic } from './describeTopic.ts';
import type { Io } from './io.ts';
import { examples, integer, pair, repeated } from './options.ts';
import { table } from './table.ts';

type Configs = readonly (readonly [name: string, value: string])[];

interface CreateOptions {
  readonly partitions?: number;
  readonly replicationFactor?: number;
  readonly config?: Configs;
  readonly ifNotExists?: true;
  readonly validateOnly?: true;
}

interface DeleteRecordsOptions {
  readonly partition: number;
  readonly beforeOffset: number;
}

interface AlterOptions {
  readonly partitions?: number;
  readonly config?: Configs;
  readonly deleteConfig?: readonly string[];
}

const partitionCount = integer(1, MAX_PARTITIONS);
const keyValues = repeated(pair('='));

export function addTopics(program: Command, io: Io, connect: () => Promise<Api>): void {
  const topics = program.command('topics').description('create, list, describe, alter and delete topics');

  topics
    .command('create <topic>')
    .description('create a topic')
    .option('-p, --partitions <count>', 'number of partitions (default: 1)', partitionCount)
    .option(
      '--replication-factor <count>',
      'in how many regions (default: all); of a cluster of one, 1 to 3 are accepted and change nothing',
      integer(1),
    )
    .option('-c, --config <key=value>', 'a topic config, repeatable; see `wadi topics configs`', keyValues)
    .option('--if-not-exists', 'do nothing if there is a topic of this name')
    .option('--validate-only', 'check the request, create nothing')
    .addHelpText(
      'after',
      examples(
        'wadi topics create orders --partitions 4',
        'wadi topics create users -p 4 --config cleanup.policy=compact --config max.message.bytes=2000000',
      ),
    )
    .action(async (topic: string, options: CreateOptions) => create(io, await connect(), topic, options));

  topics
    .command('list')
    .description('list the names of all topics')
    .option('--json', 'print what the API says of each, as a JSON array')
    .addHelpText('after', examples('wadi topics list'))
    .action(async (options: { json?: true }) => {
      const found = await (await connect()).list<{ topic_name: string }>('/topics');
      const names = found.map(({ topic_name }) => `${topic_name}\n`);
      io.stdout.write(options.json ? `${JSON.stringify(found, null, 2)}\n` : names.join(''));
    });

  topics
    .command('describe <topic>')
    .description('show the partitions of a topic, their offsets and sizes, and the configs that were set')
    .option('--all-configs', 'show the configs left at their defaults too')
    .addHelpText(
      'after',
      examples('wadi topics describe orders', 'wadi topics describe orders --all-configs'),
    )
    .action(async (topic: string, options: { allConfigs?: true }) => {
      io.stdout.write(await describeTopic(await connect(), topic, options.allConfigs === true));
    });

  topics
    .command('alter <topic>')
    .description('add partitions to a topic, or change its configs')
    .option('-p, --partitions <count>', 'the new number of partitions, above the present one', partitionCount)
    .option('-c, --config <key=value>', 'a config to set, repeatable', keyValues)
    .option('--delete-config <key>', 'a config to put back to its default, repeatable', repeated(String))
    .addHelpText(
      'after',
      examples(
        'wadi topics alter orders --partitions 8',
        'wadi topics alter orders --config retention.ms=86400000 --delete-config segment.bytes',
      ),
    )
    .action(async (topic: string, options: AlterOptions, command: Command) => {
      if (Object.keys(options).length === 0) {
        command.error('error: tell what to alter: --partitions, --config or --delete-config');
      }
      await alter(io, await connect(), topic, options);
    });

  topics
    .command('delete <topic>')
    .description('delete a topic and all its records')
    .option('--if-exists', 'do nothing if there is no topic of this name')
    .addHelpText('after', examples('wadi topics delete orders'))
    .action(async (topic: string, options: { ifExists?: true }) => {
      await remove(io, await connect(), topic, options.ifExists === true);
    });

  topics
    .command('delete-records <topic>')
    .description('delete the oldest records of a partition')
    .requiredOption('-p, --partition <id>', 'the partition', integer(0, MAX_PARTITIONS - 1))
    .requiredOption(
      '--before-offset <offset>',
      'where the partition is to begin; -1 deletes all that is there',
      integer(-1),
    )
    .addHelpText(
      'after',
      examples(
        'wadi topics delete-records orders --partition 0 --before-offset 1000',
        'wadi topics delete-records orders --partition 0 --before-offset -1',
      ),
    )
    .action(async (topic: string, options: DeleteRecordsOptions) => {
      await deleteRecords(io, await connect(), topic, options);
    });

  topics
    .command('configs')
    .description('list the configs that a topic can have: type, default, allowed values, effect')
    .addHelpText(
      'after',
      "\nEffect: 'now', Wadi acts on it; 'none', it is checked and kept so that tools written for Kafka work unchanged.\n",
    )
    .action(() => {
      io.stdout.write(configTable());
    });
}

async function create(io: Io, api: Api, topic: string, options: CreateOptions): Promise<void> {
  const { partitions, replicationFactor, config = [], ifNotExists, validateOnly } = options;
  const body = {
    topic_name: topic,
    ...(partitions !== undefined && { partitions_count: partitions }),
    ...(replicationFactor !== undefined && { replication_factor: replicationFactor }),
    configs: config.map(([name, value]) => ({ name, value })),
    ...(validateOnly && { validate_only: true }),
  };
  try {
    await api.send('POST', '/topics', JSON.stringify(body));
    io.stdout.write(validateOnly ? `Topic '${topic}' could be created.\n` : `Created topic '${topic}'.\n`);
  } catch (error) {
    if (!ifNotExists || !isKafkaError(error, 'TOPIC_ALREADY_EXISTS')) throw error;
    io.stdout.write(`Topic '${topic}' is there already.\n`);
  }
}

/** Two requests; the first that is refused ends it. */
async function alter(io: Io, api: Api, topic: string, options: AlterOptions): Promise<void> {
  const { partitions, config = [], deleteConfig = [] } = options;
  const data = [
    ...config.map(([name, value]) => ({ name, value, operation: 'SET' })),
    ...deleteConfig.map((name) => ({ name, operation: 'DELETE' })),
  ];
  if (data.length > 0) {
    await api.send('POST', `${topicPath(topic)}/configs:alter`, JSON.stringify({ data }));
    io.stdout.write(`Altered the configs of topic '${topic}'.\n`);
  }
  if (partitions !== undefined) {
    await api.send('PATCH', topicPath(topic), JSON.stringify({ partitions_count: partitions }));
    io.stdout.write(`Topic '${topic}' has ${partitions} partitions.\n`);
  }
}

async function remove(io: Io, api: Api, topic: string, ifExists: boolean): Promise<void> {
  try {
    await api.send('DELETE', topicPath(topic));
    io.stdout.write(`Deleted topic '${topic}'.\n`);
  } catch (error) {
    if (!ifExists || !isKafkaError(error, 'UNKNOWN_TOPIC_OR_PARTITION')) throw error;
    io.stdout.write(`There is no topic '${topic}'.\n`);
  }
}

async function deleteRecords(
  io: Io,
  api: Api,
  topic: string,
  { partition, beforeOffset }: DeleteRecordsOptions,
): Promise<void> {
  const path = `${topicPath(topic)}/partitions/${partition}/records`;
  const query = { before_offset: beforeOffset };
  const { low_watermark } = await api.send<{ low_watermark: number }>('DELETE', path, undefined, query);
  io.stdout.write(`Partition ${partition} of topic '${topic}' begins at offset ${low_watermark}.\n`);
}

function configTable(): string {
  return table([
    ['key', 'type', 'default', 'effect', 'must be'],
    ...CONFIG_NAMES.flatMap((name) => {
      const config = TOPIC_CONFIGS[name];
      return [[name, config.type, config.default, config.effect, config.allowed], [`  ${config.doc}`]];
    }),
  ]);
}
