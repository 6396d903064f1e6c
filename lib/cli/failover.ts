import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { FailoverReport } from '../failover/failover.ts';
import type { FailoverState } from '../local/failovers.ts';
import { CliError } from './cliError.ts';
import type { Io } from './io.ts';
import { askLocal } from './localPath.ts';

const PATH = '/local/failover';
const POLL_MS = 500;

export function addFailover(regions: Command, io: Io, url: () => string): void {
  regions
    .command('failover <region>')
    .description(
      'make another region home, where each has a copy of the items (npm start -- --consistency eventual)',
    )
    .addHelpText(
      'after',
      `
Most regions must answer. If the region that was home does, nothing is lost. Else what it acknowledged and had not
replicated yet is: some hundred milliseconds' worth, as a rule. No offset is given twice: each partition goes on a
million offsets later. Nobody can write meanwhile, some 15 s. What broke off is done again by the same command.

Example:
  $ wadi regions failover b --url http://127.0.0.1:8081
`,
    )
    .action(async (region: string) => {
      const path = `${PATH}/${encodeURIComponent(region)}`;
      let told = '';
      let now = await askLocal<FailoverState>(url(), { method: 'POST', path });
      while (now.state === 'running') {
        if (now.progress !== undefined && now.progress !== told) io.stderr.write(`${now.progress}\n`);
        told = now.progress ?? told;
        await delay(POLL_MS);
        now = await askLocal<FailoverState>(url(), { method: 'GET', path: PATH });
      }
      if (now.state !== 'done') throw new CliError(`the failover failed: ${now.error}; do it again`);
      io.stdout.write(described(region, now.report ?? null));
    });
}

function described(region: string, report: FailoverReport | null): string {
  if (report === null) return `${region} is home already.\n`;
  const { epoch, from, source, items, lost, tookMs } = report;
  const offsets = lost.reduce((sum, each) => sum + each.to - each.from, 0);
  const what =
    source === from
      ? `all that ${from} had`
      : `what had been replicated to ${source}, ${offsets === 0 ? 'without gaps' : `but for ${offsets} records`}`;
  const lines = [
    `${region} is home, from epoch ${epoch} on, after ${(tookMs / 1_000).toFixed(1)} s, with ${what}: ${items} items.`,
    ...lost.map(
      ({ topic, partition, from, to }) => `lost: ${topic}/${partition}, offsets ${from} to ${to - 1}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}
