import { Command, CommanderError, Option } from 'commander';
import { defaultUrl } from '../settings.ts';
import { VERSION } from '../version.ts';
import { addAcls } from './acls.ts';
import { createApi } from './api.ts';
import { toldOf } from './cliError.ts';
import { addConsume } from './consume.ts';
import { addFaults } from './faults.ts';
import { addGroups } from './groups.ts';
import type { Identity } from './identity.ts';
import type { Io } from './io.ts';
import { addMaintenance } from './maintenance.ts';
import { addProduce } from './produce.ts';
import { addQuotas } from './quotas.ts';
import { addRegions } from './regions.ts';
import { addStreams } from './streams.ts';
import { addTopics } from './topics.ts';
import { addVerify } from './verify/verify.ts';

const FAILED = 1;
const USAGE = 2;

/** Runs one command and tells its exit code: 0, 1 if it failed, 2 if it was not understood. */
export async function runCli(args: readonly string[], io: Io): Promise<number> {
  const program = new Command('wadi')
    .description('Topics and records of a Wadi cluster, over its HTTP API')
    .version(VERSION)
    .option('--url <url>', 'where Wadi is served (environment: WADI_URL)', defaultUrl())
    .option('--user <name>', 'who calls, to the local cluster: User:<name> in ACLs')
    .addOption(
      new Option(
        '--sign',
        'sign requests (SigV4) for a deployment on AWS, with the credentials that the AWS SDK finds',
      ).conflicts('user'),
    )
    .addOption(
      new Option(
        '--region <region>',
        'the region to sign for (with --sign), where the URL does not tell it: that of a domain of your own',
      )
        .implies({ sign: true })
        .conflicts('user'),
    )
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
    })
    .exitOverride()
    .addHelpText('after', EXAMPLES);
  const api = () => {
    const { url, ...who } = program.opts<{ url: string } & Identity>();
    return createApi(url, who);
  };
  addTopics(program, io, api);
  addProduce(program, io, api);
  addConsume(program, io, api);
  addGroups(program, io, api);
  addStreams(program, io, api);
  addAcls(program, io, api);
  addQuotas(program, io, api);
  addMaintenance(program, io, api);
  const url = () => program.opts<{ url: string }>().url;
  addRegions(program, io, api, url);
  addVerify(program, io, api);
  addFaults(program, io, url);

  try {
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
    const told = toldOf(error);
    if (told === undefined) throw error;
    io.stderr.write(`wadi: ${told}\n`);
    return FAILED;
  }
}

const EXAMPLES = `
Examples:
  $ wadi topics create orders --partitions 4
  $ echo 'anna:{"total":12}' | wadi produce orders --key-separator :
  $ wadi consume orders --from-beginning
  $ wadi consume orders --group billing
  $ wadi groups lag billing
  $ wadi streams describe word-count
  $ wadi acls create --allow-principal User:anna --operation READ --topic orders
  $ wadi topics describe orders --url https://example.execute-api.eu-central-1.amazonaws.com
  $ wadi help topics create
`;
