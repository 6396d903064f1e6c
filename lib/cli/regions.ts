import type { Command } from 'commander';
import type { Api } from './api.ts';
import { addFailover } from './failover.ts';
import type { Io } from './io.ts';
import { examples } from './options.ts';
import { table } from './table.ts';

/** As the API tells it. */
interface Region {
  readonly name: string;
  readonly broker_id: number;
  readonly state: 'in_sync' | 'joining' | 'out';
  readonly since_ms: number | null;
  readonly since_epoch: number | null;
  readonly in_sync_epoch: number;
  readonly is_local: boolean;
  readonly url: string | null;
}

export function addRegions(program: Command, io: Io, connect: () => Promise<Api>, url: () => string): void {
  const regions = program
    .command('regions')
    .description('show the regions of a cluster, and which of them are in sync')
    .addHelpText(
      'after',
      `
in sync  has all that was acknowledged with acks=all, and counts for min.insync.replicas
joining  is given all that is appended, and catches up on what was before
out      is given nothing, for it failed or lagged; it is looked at again from time to time
`,
    );

  regions
    .command('list')
    .description('list the regions; of a cluster of one region there are none')
    .option('--json', 'print what the API says of each, as a JSON array')
    .addHelpText('after', examples('wadi regions list'))
    .action(async ({ json }: { json?: true }) => {
      const found = await (await connect()).list<Region>('/regions');
      const rows = found.map((region) => [
        ...[region.name, String(region.broker_id), stateOf(region), sinceOf(region)],
        ...[region.is_local ? 'yes' : '', region.url ?? '-'],
      ]);
      const shown = table([['region', 'broker', 'state', 'since', 'local', 'url'], ...rows]);
      io.stdout.write(json ? `${JSON.stringify(found, null, 2)}\n` : shown);
    });

  addFailover(regions, io, url);

  regions
    .command('describe <region>')
    .description('show a region')
    .addHelpText('after', examples('wadi regions describe eu-central-1'))
    .action(async (name: string) => {
      const region = await (await connect()).get<Region>(`/regions/${encodeURIComponent(name)}`);
      io.stdout.write(
        table([
          ['region', region.name],
          ['broker', String(region.broker_id)],
          ['state', stateOf(region)],
          ['since', `${sinceOf(region)}, epoch ${region.since_epoch ?? '-'} of ${region.in_sync_epoch}`],
          ['local', region.is_local ? 'yes' : 'no'],
          ['url', region.url ?? '-'],
        ]),
      );
    });
}

const stateOf = ({ state }: Region): string => state.replace('_', ' ');

const sinceOf = ({ since_ms }: Region): string =>
  since_ms === null ? '-' : new Date(since_ms).toISOString();
