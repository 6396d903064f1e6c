import type { Command } from 'commander';
import type { Api } from './api.ts';
import { eachOf } from './eachOf.ts';
import type { Io } from './io.ts';
import { type Lag, lagTable } from './lagTable.ts';
import { examples } from './options.ts';
import { addStreamsGet } from './streamsGet.ts';
import { applicationPath } from './streamsPath.ts';
import { addStreamsReset } from './streamsReset.ts';
import { addStreamsRun } from './streamsRun.ts';
import { table } from './table.ts';

/** As the API tells them. */
interface Application {
  readonly application_id: string;
  readonly state: string;
  readonly tasks_count: number;
  readonly function_name: string | null;
  readonly topology: string;
  readonly mermaid: string;
}

interface Task {
  readonly task_id: string;
  readonly state: string;
  readonly steps: number;
  readonly positions: readonly { readonly topic_name: string; readonly offset: number }[];
}

interface TaskLag extends Lag {
  readonly task_id: string;
}

export function addStreams(program: Command, io: Io, connect: () => Promise<Api>): void {
  const streams = program
    .command('streams')
    .description(
      'run, list, describe, reset and delete applications of streams, see how far they are, and look into their stores',
    );

  streams
    .command('list')
    .description('list all applications, with their states and how many tasks they have')
    .option('--json', 'print what the API says of each, as a JSON array')
    .addHelpText('after', `${STATES}${examples('wadi streams list')}`)
    .action(async ({ json }: { json?: true }) => {
      const found = await (await connect()).list<Application>('/streams');
      const rows = found.map((it) => [
        ...[it.application_id, it.state, String(it.tasks_count)],
        it.function_name ?? '-',
      ]);
      io.stdout.write(json ? jsonOf(found) : table([['application', 'state', 'tasks', 'function'], ...rows]));
    });

  streams
    .command('describe <application>')
    .description('show the state of an application, its tasks with their positions, and its topology')
    .option('--mermaid', 'print the topology alone, as a Mermaid flowchart')
    .addHelpText(
      'after',
      `${STATES}
task       sub-topology and partition
steps      that it has committed
positions  where its next step begins, by topic; - if it has read nothing yet
${examples('wadi streams describe word-count', 'wadi streams describe word-count --mermaid > word-count.mmd')}`,
    )
    .action(async (application: string, { mermaid }: { mermaid?: true }) => {
      const api = await connect();
      const described = await api.get<Application>(applicationPath(application));
      io.stdout.write(mermaid ? described.mermaid : await describe(api, described));
    });

  streams
    .command('lag <application>')
    .description(
      'show how far an application is in each partition that it reads, and what it has yet to read',
    )
    .option('--json', 'print what the API says of each partition, as a JSON array')
    .addHelpText(
      'after',
      `
position  where the task's next step begins; - if it has read nothing yet
end       the offset that the next record will get
lag       offsets from the position, or else from the log start, to the end
${examples('wadi streams lag word-count')}`,
    )
    .action(async (application: string, { json }: { json?: true }) => {
      const lags = await (await connect()).list<TaskLag>(`${applicationPath(application)}/lags`);
      io.stdout.write(
        json
          ? jsonOf(lags)
          : lagTable(lags, { at: 'position', by: 'task', nameOf: ({ task_id }) => task_id }),
      );
    });

  addStreamsGet(streams, io, connect);
  addStreamsReset(streams, io, connect);

  streams
    .command('delete <applications...>')
    .description(
      'delete applications, with their state, their positions and the topics that they have made for themselves',
    )
    .addHelpText(
      'after',
      `
Stop their workers first: it is refused while one has a task. What an application has put into other topics stays.
Whoever runs it again begins anew. If it is interrupted, do it again.
${examples('wadi streams delete word-count')}`,
    )
    .action(async (names: string[]) => {
      const api = await connect();
      await eachOf(names, async (name) => {
        await api.send('DELETE', applicationPath(name));
        io.stdout.write(`Deleted application '${name}'.\n`);
      });
    });

  addStreamsRun(streams, io);
}

const STATES = `
State: RUNNING, at this moment a worker has a task, or one that had it has died within the last minute; IDLE, none has;
RESETTING, a reset or a deletion is under way, or was interrupted: do it again.
`;

const jsonOf = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

async function describe(api: Api, application: Application): Promise<string> {
  const { application_id, state, function_name, topology } = application;
  const tasks = await api.list<Task>(`${applicationPath(application_id)}/tasks`);
  const rows = tasks.map(({ task_id, state, steps, positions }) => [
    ...[task_id, state, String(steps)],
    positions.map(({ topic_name, offset }) => `${topic_name} ${offset}`).join('; ') || '-',
  ]);
  return [
    table([
      ['application', application_id],
      ['state', state],
      ['function', function_name ?? '-'],
      ['tasks', String(tasks.length)],
    ]),
    rows.length === 0 ? '' : `\n${table([['task', 'state', 'steps', 'positions'], ...rows])}`,
    `\n${topology}`,
  ].join('');
}
