import { Command, InvalidArgumentError, Option } from 'commander';
import { principal, repeated } from '../cli/options.ts';
import { VERSION } from '../version.ts';
import type { Consistency, LocalClusterOptions } from './cluster.ts';
import { regionNamesProblem } from './regionNames.ts';
import type { StorageOptions } from './storage.ts';

interface Flags {
  host: string;
  port: number;
  storage?: StorageOptions['kind'];
  data: string;
  fsync: boolean;
  s3Endpoint?: string;
  dynamodbEndpoint?: string;
  bucket: string;
  tablePrefix: string;
  maintenanceInterval: number;
  superUser: readonly string[];
  denyWithoutAcl: boolean;
  regions?: readonly string[];
  consistency: Consistency;
  streams: readonly string[];
}

export interface StreamsModules {
  /** Paths of modules. */
  readonly streamsModules: readonly string[];
}

/** Reads the command line of `npm start`; prints the reason and exits on a wrong one. */
export function parseOptions(argv: readonly string[]): LocalClusterOptions & StreamsModules {
  const command = new Command('npm start --')
    .description('Serves Wadi from this machine: the deployed functions in one process.')
    .version(VERSION)
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on; 0 for any that is free', port, 8080)
    .option(
      '--regions <names>',
      'several regions on this machine (a,b,c), each with a port, from --port up, and objects of its own',
      regions,
    )
    .addOption(
      new Option(
        '--consistency <kind>',
        'of the items of several regions: strong, all share them; eventual, each has a copy, and one region is home',
      )
        .choices(['strong', 'eventual'])
        .default('strong'),
    )
    .addOption(
      new Option('--storage <kind>', 'what to rest on (default: embedded, or aws with an endpoint)').choices([
        'embedded',
        'memory',
        'aws',
      ]),
    )
    .option('--data <directory>', 'where the embedded storage lives', '.wadi')
    .option('--fsync', 'wait for the disk with every write: acknowledged records survive a power cut', false)
    .option('--s3-endpoint <url>', 'S3 of LocalStack or an emulator, instead of AWS')
    .option('--dynamodb-endpoint <url>', 'DynamoDB of LocalStack or an emulator, instead of AWS')
    .option('--bucket <name>', 'bucket of the aws storage, made if it is missing', 'wadi')
    .option('--table-prefix <prefix>', 'begin of the names of its tables, made if missing', 'wadi-')
    .option(
      '--maintenance-interval <seconds>',
      'how often to look for maintenance that is due; 0, only when it is asked to run',
      seconds,
      60,
    )
    .option(
      '--super-user <principal>',
      'who may do everything, whatever ACLs say: User:<name>; repeatable',
      repeated(principal),
      [],
    )
    .option('--deny-without-acl', 'what no ACL is about is nobody’s, instead of everyone’s', false)
    .option(
      '--streams <module>',
      'run the application that a module exports as its default; repeatable: see lib/streams/README.md',
      repeated((path) => path),
      [],
    )
    .addHelpText(
      'after',
      '\nWho calls is told by HTTP Basic’s user name (curl --user alice:), without a password: User:alice; else User:ANONYMOUS.\nThe aws storage finds region and credentials as the AWS SDK does: AWS_REGION, AWS_PROFILE and so on.',
    )
    .showHelpAfterError('(--help tells the options)');
  const flags = command.parse(argv).opts<Flags>();
  const names = flags.regions;
  const chosen = storageOptions(flags);
  if (names === undefined && flags.consistency !== 'strong')
    command.error('error: --consistency is for several regions: give --regions, too');
  if (names !== undefined && chosen.kind === 'aws')
    command.error('error: --regions plays regions on this machine: not with the aws storage');
  if (names !== undefined && flags.port + names.length - 1 > MAX_PORT)
    command.error(`error: there are no ${names.length} ports from --port ${flags.port} up`);
  const { host, maintenanceInterval, superUser, denyWithoutAcl } = flags;
  return {
    host,
    port: flags.port,
    storage: chosen,
    maintenanceIntervalMs: maintenanceInterval * 1_000,
    authorizer: { superUsers: new Set(superUser), allowEveryoneIfNoAclFound: !denyWithoutAcl },
    ...(names && { regions: names, consistency: flags.consistency }),
    streamsModules: flags.streams,
  };
}

function storageOptions(flags: Flags): StorageOptions {
  const { s3Endpoint, dynamodbEndpoint, bucket, tablePrefix, data: directory, fsync } = flags;
  const kind = flags.storage ?? (s3Endpoint || dynamodbEndpoint ? 'aws' : 'embedded');
  switch (kind) {
    case 'memory':
      return { kind };
    case 'embedded':
      return { kind, directory, fsync };
    case 'aws':
      return {
        kind,
        bucket,
        tablePrefix,
        ...(s3Endpoint !== undefined && { s3Endpoint }),
        ...(dynamodbEndpoint !== undefined && { dynamodbEndpoint }),
      };
  }
}

const MAX_PORT = 65_535;

function port(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > MAX_PORT)
    throw new InvalidArgumentError(`It is a number from 0 to ${MAX_PORT}.`);
  return value;
}

function regions(text: string): readonly string[] {
  const names = text.split(',');
  const problem = regionNamesProblem(names);
  if (problem !== undefined) throw new InvalidArgumentError(`${problem}.`);
  return names;
}

function seconds(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 86_400)
    throw new InvalidArgumentError('It is a number from 0 to 86400.');
  return value;
}
