/**
 * Writes items and objects for ever and prints a line for each that is acknowledged, to be killed in between.
 * Arguments: the directory, the name under which to write.
 */
import { embeddedStorage } from '../../lib/storage/embedded/embedded.ts';
import { contentOf, itemOf } from './written.ts';

const [directory = '', name = ''] = process.argv.slice(2);
const { log, objects } = embeddedStorage({ directory });

async function forEver(kind: string, write: (n: number) => Promise<unknown>): Promise<never> {
  for (let n = 0; ; n++) {
    await write(n);
    process.stdout.write(`${kind} ${n}\n`);
  }
}

await log.put({ pk: name, sk: 'list', appended: [] });
await Promise.all([
  forEver('item', (n) => log.put(itemOf(name, n))),
  forEver('append', (n) => log.update({ pk: name, sk: 'list' }, [{ append: ['appended'], values: [n] }])),
  forEver('small', (n) => objects.put(`${name}/small/${n}`, contentOf('small', n))),
  forEver('large', (n) => objects.put(`${name}/large/${n}`, contentOf('large', n))),
  forEver('mixed', (n) => objects.put(`${name}/mixed`, contentOf('mixed', n))),
]);
