import { type Command, InvalidArgumentError, Option } from 'commander';
import { ACL_OPERATIONS, type AclOperation, CLUSTER_NAME } from '../acl/binding.ts';
import type { Api } from './api.ts';
import { CliError } from './cliError.ts';
import type { Io } from './io.ts';
import { examples, principal, repeated } from './options.ts';
import { table } from './table.ts';

/** As the API tells it. */
interface Acl {
  readonly resource_type: string;
  readonly resource_name: string;
  readonly pattern_type: string;
  readonly principal: string;
  readonly host: string;
  readonly operation: string;
  readonly permission: string;
}

/** What is meant: topics, groups, the cluster. */
interface ResourceOptions {
  readonly topic?: readonly string[];
  readonly group?: readonly string[];
  readonly cluster?: true;
  readonly prefixed?: true;
}

interface CreateOptions extends ResourceOptions {
  readonly allowPrincipal?: readonly string[];
  readonly denyPrincipal?: readonly string[];
  readonly host: readonly string[];
  readonly operation?: readonly AclOperation[];
  readonly producer?: true;
  readonly consumer?: true;
}

interface FilterOptions extends ResourceOptions {
  readonly principal?: string;
  readonly host?: string;
  readonly operation?: AclOperation;
  readonly permission?: string;
  readonly match?: true;
}

/** ACLs, with the options of kafka-acls. */
export function addAcls(program: Command, io: Io, connect: () => Promise<Api>): void {
  const acls = program.command('acls').description('list, create and delete ACLs: who may do what');

  withFilter(acls.command('list').description('list the ACLs that are like all that is given'))
    .option('--json', 'print what the API says of each, as a JSON array')
    .addHelpText('after', examples('wadi acls list', 'wadi acls list --topic orders --match'))
    .action(async ({ json, ...filter }: FilterOptions & { json?: true }) => {
      const api = await connect();
      const found = (
        await Promise.all(queriesOf(filter).map((query) => api.get<{ data: Acl[] }>('/acls', query)))
      ).flatMap(({ data }) => data);
      io.stdout.write(json ? `${JSON.stringify(found, null, 2)}\n` : shown(found));
    });

  withResource(acls.command('create').description('create ACLs: one for each of what is named'))
    .option('--allow-principal <principal>', 'whom to allow it: User:<name>; repeatable', repeated(principal))
    .option('--deny-principal <principal>', 'whom to deny it; repeatable', repeated(principal))
    .option('--host <address>', 'from where alone; repeatable', repeated(String), ['*'])
    .option('--operation <operation>', `${ACL_OPERATIONS.join(', ')}; repeatable`, repeated(operation))
    .option('--producer', 'what producers to the topics need: WRITE, DESCRIBE and CREATE')
    .option('--consumer', 'what consumers of the topics in the groups need: READ and DESCRIBE, and READ')
    .addHelpText(
      'after',
      examples(
        'wadi acls create --allow-principal User:anna --operation READ --topic orders',
        'wadi acls create --allow-principal User:anna --consumer --topic orders --group billing',
        'wadi acls create --allow-principal User:shop --producer --topic shop- --prefixed',
        "wadi acls create --deny-principal 'User:*' --operation DELETE --topic '*'",
      ),
    )
    .action(async (options: CreateOptions) => {
      const data = wanted(options);
      await (await connect()).send('POST', '/acls:batch', JSON.stringify({ data }));
      io.stdout.write(shown(data));
    });

  withFilter(acls.command('delete').description('delete the ACLs that are like all that is given'))
    .option('--all', 'all of them, if nothing else is given')
    .addHelpText('after', examples('wadi acls delete --principal User:anna --topic orders'))
    .action(async ({ all, ...filter }: FilterOptions & { all?: true }) => {
      if (Object.keys(filter).length === 0 && !all) throw new CliError('Say which ACLs, or --all');
      const api = await connect();
      const deleted: Acl[] = [];
      for (const query of queriesOf(filter)) {
        const any = { resource_type: 'ANY', pattern_type: 'ANY', operation: 'ANY', permission: 'ANY' };
        const path = '/acls';
        const answer = await api.send<{ data: Acl[] }>('DELETE', path, undefined, { ...any, ...query });
        deleted.push(...answer.data);
      }
      io.stdout.write(shown(deleted));
    });
}

function withResource(command: Command): Command {
  return command
    .option('-t, --topic <name>', "a topic; '*' for all; repeatable", repeated(String))
    .option('-g, --group <name>', "a consumer group; '*' for all; repeatable", repeated(String))
    .option('--cluster', 'the cluster')
    .option('--prefixed', 'the names are prefixes of names');
}

function withFilter(command: Command): Command {
  return withResource(command)
    .option('--principal <principal>', 'only those of this principal', principal)
    .option('--host <address>', 'only those of this host')
    .option(
      '--operation <operation>',
      `only those of this operation: ${ACL_OPERATIONS.join(', ')}`,
      operation,
    )
    .addOption(new Option('--permission <permission>', 'only those').choices(['ALLOW', 'DENY']))
    .addOption(
      new Option('--match', 'all that have a say in what is named: its name, its prefixes, *').conflicts(
        'prefixed',
      ),
    );
}

interface Named {
  readonly resource_type: 'TOPIC' | 'GROUP' | 'CLUSTER';
  readonly resource_name: string;
}

function named({ topic = [], group = [], cluster }: ResourceOptions): Named[] {
  return [
    ...topic.map((name): Named => ({ resource_type: 'TOPIC', resource_name: name })),
    ...group.map((name): Named => ({ resource_type: 'GROUP', resource_name: name })),
    ...(cluster ? [{ resource_type: 'CLUSTER', resource_name: CLUSTER_NAME } as const] : []),
  ];
}

/** One for each thing that is named, or one of anything. */
function queriesOf(filter: FilterOptions): Record<string, string>[] {
  const { principal, host, operation, permission, prefixed, match } = filter;
  const pattern = match ? 'MATCH' : prefixed ? 'PREFIXED' : undefined;
  const rest = { principal, host, operation, permission, pattern_type: pattern };
  const given = Object.entries(rest).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const things = named(filter);
  return (things.length > 0 ? things : [{}]).map((thing) => ({ ...Object.fromEntries(given), ...thing }));
}

/** What kafka-acls' --producer and --consumer stand for. */
const PRODUCER: readonly AclOperation[] = ['WRITE', 'DESCRIBE', 'CREATE'];
const CONSUMER: readonly AclOperation[] = ['READ', 'DESCRIBE'];

function wanted(options: CreateOptions): Acl[] {
  const {
    allowPrincipal = [],
    denyPrincipal = [],
    host,
    operation = [],
    prefixed,
    producer,
    consumer,
  } = options;
  const things = named(options);
  if (things.length === 0) throw new CliError('Say of what: --topic, --group, --cluster');
  const principals = [
    ...allowPrincipal.map((name) => ({ principal: name, permission: 'ALLOW' })),
    ...denyPrincipal.map((name) => ({ principal: name, permission: 'DENY' })),
  ];
  if (principals.length === 0) throw new CliError('Say whose: --allow-principal, --deny-principal');
  if (operation.length === 0 && !producer && !consumer)
    throw new CliError('Say what: --operation, --producer, --consumer');
  // `--host` replaces its default, which commander would keep beside it.
  const hosts = host.length > 1 ? host.slice(1) : host;
  return things.flatMap((thing) => {
    const ofTopic = thing.resource_type === 'TOPIC';
    const operations = new Set([
      ...operation,
      ...(producer && ofTopic ? PRODUCER : []),
      ...(consumer && ofTopic ? CONSUMER : []),
      ...(consumer && thing.resource_type === 'GROUP' ? (['READ'] as const) : []),
    ]);
    const pattern = prefixed && thing.resource_type !== 'CLUSTER' ? 'PREFIXED' : 'LITERAL';
    return [...operations].flatMap((each) =>
      principals.flatMap((who) =>
        hosts.map((from) => ({ ...thing, ...who, pattern_type: pattern, host: from, operation: each })),
      ),
    );
  });
}

function shown(acls: readonly Acl[]): string {
  const rows = acls.map((acl) => [
    ...[acl.resource_type, acl.pattern_type === 'PREFIXED' ? `${acl.resource_name}…` : acl.resource_name],
    ...[acl.permission, acl.operation, acl.principal, acl.host],
  ]);
  return table([['resource', 'name', 'permission', 'operation', 'principal', 'host'], ...rows]);
}

function operation(text: string): AclOperation {
  const name = text.toUpperCase() as AclOperation;
  if (ACL_OPERATIONS.includes(name)) return name;
  throw new InvalidArgumentError(`It must be one of ${ACL_OPERATIONS.join(', ')}.`);
}
