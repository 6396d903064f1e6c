/** Counts an item up, each time on the condition of what it read. Arguments: the directory, how many times. */
import { embeddedStorage } from '../../lib/storage/embedded/embedded.ts';

const [directory = '', times = ''] = process.argv.slice(2);
const storage = embeddedStorage({ directory });
const key = { pk: 'shared', sk: 'counter' };

for (let done = 0; done < Number(times); ) {
  const n = (await storage.log.get(key))?.n as number;
  const { applied } = await storage.log.update(key, [{ set: ['n'], to: n + 1 }], {
    path: ['n'],
    is: '=',
    value: n,
  });
  if (applied) done++;
}
await storage.close();
