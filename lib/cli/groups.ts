import type { Command } from 'commander';
import { atOnce } from '../atOnce.ts';
import { ClientError } from '../client/clientError.ts';
import { segment } from '../client/cluster.ts';
import type { Api } from './api.ts';
import { eachOf } from './eachOf.ts';
import { addGroupPositions } from './groupPositions.ts';
import type { Io } from './io.ts';
import { type Lag, lagTable } from './lagTable.ts';
import { examples } from './options.ts';
import { partitionNames } from './partitionNames.ts';
import { table } from './table.ts';

const REQUESTS_AT_ONCE = 16;

/** As the API tells them. */
interface Group {
  readonly consumer_group_id: string;
  readonly state: string;
  readonly epoch: number;
  readonly members_count: number;
  readonly partition_assignor: string;
}

interface Member {
  readonly consumer_id: string;
  readonly client_id: string;
  readonly instance_id: string | null;
}

interface Assignment {
  readonly topic_name: string;
  readonly partition_id: number;
}

interface GroupLag extends Lag {
  readonly client_id: string;
}

export function addGroups(program: Command, io: Io, connect: () => Promise<Api>): void {
  const groups = program
    .command('groups')
    .description('list, describe and delete consumer groups, see how far they are, and move them');

  groups
    .command('list')
    .description('list all groups, with their states and how many members they have')
    .option('--json', 'print what the API says of each, as a JSON array')
    .addHelpText('after', `${STATES}${examples('wadi groups list')}`)
    .action(async ({ json }: { json?: true }) => {
      const found = await (await connect()).list<Group>('/consumer-groups');
      const rows = found.map((it) => [it.consumer_group_id, it.state, String(it.members_count)]);
      io.stdout.write(json ? jsonOf(found) : table([['group', 'state', 'members'], ...rows]));
    });

  groups
    .command('describe <group>')
    .description('show the state of a group, its members, and the partitions that each of them holds')
    .addHelpText('after', `${STATES}${examples('wadi groups describe billing')}`)
    .action(async (group: string) => {
      io.stdout.write(await describeGroup(await connect(), group));
    });

  groups
    .command('lag <group>')
    .description('show how far a group is in each partition, and what it has yet to read')
    .option('--json', 'print what the API says of each partition, as a JSON array')
    .addHelpText(
      'after',
      `
committed  the offset to be read next by whoever takes the partition over; - if there is none
end        the offset that the next record will get
lag        offsets from the committed one, or else from the log start, to the end
owner      the member that holds the partition; - if nobody does
${examples('wadi groups lag billing')}`,
    )
    .action(async (group: string, { json }: { json?: true }) => {
      const lags = await (await connect()).list<GroupLag>(`${groupPath(group)}/lags`);
      io.stdout.write(
        json
          ? jsonOf(lags)
          : lagTable(lags, { at: 'committed', by: 'owner', nameOf: ({ client_id }) => client_id || '-' }),
      );
    });

  groups
    .command('delete <groups...>')
    .description('delete groups that have no members, with their committed positions')
    .addHelpText('after', examples('wadi groups delete billing', 'wadi groups delete test-1 test-2'))
    .action(async (names: string[]) => {
      const { groups } = await connect();
      await eachOf(names, async (name) => {
        await groups.delete(name);
        io.stdout.write(`Deleted group '${name}'.\n`);
      });
    });

  addGroupPositions(groups, io, connect);
}

const STATES = `
State: EMPTY, no members; ASSIGNING, partitions are about to be divided among them; RECONCILING, they are taking
their parts; STABLE, they have them.
`;

const groupPath = (group: string): string => `/consumer-groups/${segment(group, 'group')}`;

const jsonOf = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

async function describeGroup(api: Api, name: string): Promise<string> {
  const path = groupPath(name);
  const [group, members] = await Promise.all([api.get<Group>(path), api.list<Member>(`${path}/consumers`)]);
  const rows = await atOnce(members, REQUESTS_AT_ONCE, async ({ client_id, consumer_id, instance_id }) => {
    const assignments = await assignmentsOf(api, `${path}/consumers/${segment(consumer_id, 'consumer')}`);
    const held = assignments.map((it) => ({ topic: it.topic_name, partition: it.partition_id }));
    return [`${client_id}${instance_id === null ? '' : ' (static)'}`, partitionNames(held) || '-'];
  });
  return [
    table([
      ['group', group.consumer_group_id],
      ['state', group.state],
      ['epoch', String(group.epoch)],
      ['assignor', group.partition_assignor],
      ['members', String(members.length)],
    ]),
    rows.length === 0 ? '' : `\n${table([['member', 'partitions'], ...rows.toSorted(byFirst)])}`,
  ].join('');
}

/** None of a member that has left since it was listed. */
async function assignmentsOf(api: Api, path: string): Promise<Assignment[]> {
  return api.list<Assignment>(`${path}/assignments`).catch((error) => {
    if (error instanceof ClientError && error.status === 404) return [];
    throw error;
  });
}

const byFirst = ([a = '']: readonly string[], [b = '']: readonly string[]): number => (a < b ? -1 : 1);
