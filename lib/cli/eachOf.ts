import { CliError, toldOf } from './cliError.ts';

/** Does all that can be done; tells of each that cannot. */
export async function eachOf(names: readonly string[], work: (name: string) => Promise<void>): Promise<void> {
  const failed: string[] = [];
  for (const name of names) {
    try {
      await work(name);
    } catch (error) {
      const told = toldOf(error);
      if (told === undefined) throw error;
      failed.push(told);
    }
  }
  if (failed.length > 0) throw new CliError(failed.join('\nwadi: '));
}
