import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { systemClock } from '../clock.ts';
import { requireNoRegions } from '../local/regionStorage.ts';
import { openStorage } from '../local/storage.ts';
import { loadApplication, runUntilStopped } from '../local/streams.ts';
import { messageOf } from '../messageOf.ts';
import { deploymentSettings, type StoreNames } from '../settings.ts';
import type { Storage } from '../storage/ports.ts';
import { lagsOf } from '../streams/admin/lags.ts';
import { describeApplication } from '../streams/registry/describeApplication.ts';
import type { StreamsApplication } from '../streams/runtime/application.ts';
import { createWadi, type Wadi } from '../wadi.ts';
import { CliError } from './cliError.ts';
import type { Io } from './io.ts';
import { examples } from './options.ts';
import { showProgress } from './verify/progress.ts';
import { takeSignals } from './verify/signals.ts';

interface RunOptions extends StoreNames {
  readonly storage: 'embedded' | 'aws';
  readonly data: string;
  readonly fsync?: boolean;
}

/** How often it is looked how much there is yet to read. */
const LAG_MS = 5_000;

export function addStreamsRun(streams: Command, io: Io): void {
  streams
    .command('run <module>')
    .description('work on an application, the default export of a module, until Ctrl-C')
    .addOption(
      new Option('--storage <kind>', 'of a cluster on this machine, or of one on AWS')
        .choices(['embedded', 'aws'])
        .default('embedded'),
    )
    .option('--data <directory>', 'of the cluster on this machine, as of npm start', '.wadi')
    .option('--fsync', 'wait for the disk with every write')
    .option('--bucket <name>', "of the cluster on AWS: the stack's BucketName (environment: WADI_BUCKET)")
    .option('--log-table <name>', 'LogTableName (environment: WADI_LOG_TABLE)')
    .option('--metadata-table <name>', 'MetadataTableName (environment: WADI_METADATA_TABLE)')
    .option('--groups-table <name>', 'GroupsTableName (environment: WADI_GROUPS_TABLE)')
    .addHelpText(
      'after',
      `
It works on the stores themselves, not by way of --url. The module is as for npm start -- --streams: its default export
is { applicationId, topology }. Any number of processes may run the same application, beside npm start too: they divide
its tasks. What has been read, what is left to read (lag) and what fails is told on stderr; what fails is tried again.
Region and credentials for AWS are found as the AWS SDK does (AWS_REGION, AWS_PROFILE and so on): whoever runs it
needs all rights that the cluster's functions have on the bucket and the tables. Of clusters of one region.
${examples(
  'wadi streams run words.ts',
  'wadi streams run words.ts --data /var/lib/wadi',
  'wadi streams run words.ts --storage aws --bucket b --log-table log --metadata-table md --groups-table gr',
)}`,
    )
    .action(async (module: string, options: RunOptions) => {
      const application = await load(module);
      const signals = takeSignals(() => io.stderr.write('\nwadi: ended at once\n'));
      const storage = await open(options);
      try {
        const wadi = await createWadi({ storage, clock: systemClock });
        await run(io, wadi, application, signals.phase());
      } finally {
        await storage.close();
        signals.off();
      }
    });
}

async function load(module: string): Promise<StreamsApplication> {
  return loadApplication(resolve(module)).catch((error: Error) => {
    throw new CliError(oneLine(error));
  });
}

async function open({ storage, data, fsync = false, ...names }: RunOptions): Promise<Storage> {
  if (storage === 'aws') return openDeployed(names);
  // Whoever mistypes it is not given an empty cluster.
  if (!existsSync(data)) throw new CliError(`there is no cluster in ${data}: npm start makes one (--data)`);
  const local = { kind: 'embedded', directory: data, fsync } as const;
  try {
    requireNoRegions(local);
  } catch (error) {
    throw new CliError(`${oneLine(error)}: 'streams run' is for clusters of one region`);
  }
  return openStorage(local);
}

async function openDeployed(names: StoreNames): Promise<Storage> {
  let settings: ReturnType<typeof deploymentSettings>;
  try {
    settings = deploymentSettings(names);
  } catch (error) {
    throw new CliError(`${oneLine(error)} (or --bucket, --log-table, --metadata-table, --groups-table)`);
  }
  if (settings.regions !== undefined)
    throw new CliError("WADI_REGIONS is set: 'streams run' is for clusters of one region");
  const { awsStorage } = await import('../storage/aws/aws.ts');
  const { bucket, logTable, metadataTable, groupsTable } = settings;
  return awsStorage({ bucket, logTable, metadataTable, groupsTable });
}

async function run(
  io: Io,
  wadi: Wadi,
  application: StreamsApplication,
  stopping: AbortSignal,
): Promise<void> {
  const done = { records: 0, steps: 0 };
  const told = () => `${count(done.records)} records in ${count(done.steps)} steps`;
  let lag = '';
  io.stderr.write(`Working on application '${application.applicationId}' until Ctrl-C.\n`);
  const hide = showProgress(io, () => told() + lag);
  const measuring = measureLag(wadi, application, stopping, (records) => {
    lag = `, lag ${count(records)}`;
  });
  try {
    await runUntilStopped(wadi, application, {
      stopping,
      warn: (error) => io.stderr.write(`${io.stderr.isTTY ? '\r\x1b[K' : ''}wadi: ${oneLine(error)}\n`),
      onRun({ records, steps }) {
        done.records += records;
        done.steps += steps;
      },
    });
    await measuring;
    await wadi.log.settled();
  } finally {
    hide();
  }
  io.stderr.write(`Stopped: ${told()}.\n`);
}

/** Now and then, as far as it can be told. */
async function measureLag(
  wadi: Wadi,
  application: StreamsApplication,
  stopping: AbortSignal,
  tell: (records: number) => void,
): Promise<void> {
  const description = describeApplication(application);
  while (!stopping.aborted) {
    const lags = await lagsOf(wadi, description).catch(() => undefined);
    if (lags !== undefined) tell(lags.reduce((sum, { lag }) => sum + lag, 0));
    await wadi.clock.sleep(LAG_MS, stopping);
  }
}

const count = (value: number): string => value.toLocaleString('en-US');

const oneLine = (error: unknown): string => messageOf(error).split('\n')[0]!;
