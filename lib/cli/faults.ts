import { Argument, type Command } from 'commander';
import type { RegionFault } from '../local/faults.ts';
import { FAULTS, type Fault, SLOW_MS } from '../local/weather.ts';
import type { Io } from './io.ts';
import { askLocal } from './localPath.ts';
import { table } from './table.ts';

const PATH = '/local/faults';

const MEANING = `
down   its front cuts every connection, and its objects can be had by nobody; what is under way is cut off too
slow   its objects take ${SLOW_MS / 1_000} s longer for each call
stale  what acks=1 wrote in other regions does not come to it
up     all is well again, and what was held back comes

Any front may be asked, also that of a region that is down.
`;

/** Of a local cluster that plays several regions: what they are to suffer from. */
export function addFaults(program: Command, io: Io, url: () => string): void {
  const faults = program
    .command('faults')
    .description('have regions of a local cluster fail (npm start -- --regions a,b,c)')
    .addHelpText('after', MEANING);

  faults
    .command('list')
    .description('list the regions, what each suffers from, and where its front is')
    .addHelpText('after', '\nExample:\n  $ wadi faults list\n')
    .action(async () => {
      const { data } = await askLocal<{ data: RegionFault[] }>(url(), { method: 'GET', path: PATH });
      const rows = data.map(({ region, fault, url }) => [region, fault, url]);
      io.stdout.write(table([['region', 'fault', 'url'], ...rows]));
    });

  faults
    .command('set')
    .description('have a region fail, or recover')
    .argument('<region>', 'its name')
    .addArgument(new Argument('<fault>', 'what it is to suffer from').choices(FAULTS))
    .addHelpText(
      'after',
      `${MEANING}\nExamples:\n  $ wadi faults set b down --url http://127.0.0.1:8080\n  $ wadi faults set b up\n`,
    )
    .action(async (region: string, fault: Fault) => {
      const path = `${PATH}/${encodeURIComponent(region)}`;
      await askLocal(url(), { method: 'PUT', path, body: { fault } });
    });
}
