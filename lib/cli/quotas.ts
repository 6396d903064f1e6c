import type { Command } from 'commander';
import type { Api } from './api.ts';
import { CliError } from './cliError.ts';
import type { Io } from './io.ts';
import { examples, integer, principal } from './options.ts';
import { table } from './table.ts';

/** As the API tells it. */
interface Quota {
  readonly principal: string;
  readonly producer_byte_rate: number | null;
  readonly consumer_byte_rate: number | null;
}

interface SetOptions {
  readonly producerByteRate?: number;
  readonly consumerByteRate?: number;
}

/** Kafka's client quotas of users. */
export function addQuotas(program: Command, io: Io, connect: () => Promise<Api>): void {
  const quotas = program
    .command('quotas')
    .description('list, set and delete quotas: how many bytes a second a principal may send and read');

  quotas
    .command('list')
    .description('list the quotas of all principals')
    .addHelpText('after', examples('wadi quotas list'))
    .action(async () => {
      const found = await (await connect()).list<Quota>('/quotas');
      const rows = found.map((quota) => [
        quota.principal,
        String(quota.producer_byte_rate ?? '-'),
        String(quota.consumer_byte_rate ?? '-'),
      ]);
      io.stdout.write(table([['principal', 'producer bytes/s', 'consumer bytes/s'], ...rows]));
    });

  quotas
    .command('set')
    .description('give a principal these quotas, in the place of those it had')
    .argument('<principal>', 'User:<name>; User:* for each that has none of its own', principal)
    .option('--producer-byte-rate <bytes>', 'of what it produces, a second', integer(1))
    .option('--consumer-byte-rate <bytes>', 'of what it fetches and polls, a second', integer(1))
    .addHelpText('after', examples('wadi quotas set User:shop --producer-byte-rate 1000000'))
    .action(async (name: string, { producerByteRate, consumerByteRate }: SetOptions) => {
      if (producerByteRate === undefined && consumerByteRate === undefined)
        throw new CliError('Say how much: --producer-byte-rate, --consumer-byte-rate');
      await alter(await connect(), {
        principal: name,
        producer_byte_rate: producerByteRate ?? null,
        consumer_byte_rate: consumerByteRate ?? null,
      });
    });

  quotas
    .command('delete')
    .description('take the quotas of a principal away')
    .argument('<principal>', 'User:<name>', principal)
    .addHelpText('after', examples("wadi quotas delete 'User:*'"))
    .action(async (name: string) => {
      await alter(await connect(), { principal: name, producer_byte_rate: null, consumer_byte_rate: null });
    });
}

async function alter(api: Api, quota: Quota): Promise<void> {
  await api.send('POST', '/quotas:alter', JSON.stringify({ data: [quota] }));
}
