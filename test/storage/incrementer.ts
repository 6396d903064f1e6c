/**
 * Counts an item up, each time on the condition of what it read; begins when the item is there, and prints how often it
 * was refused. Arguments: the directory, how many times.
 */
import { setImmediate } from 'node:timers/promises';
import { embeddedStorage } from '../../lib/storage/embedded/embedded.ts';

const [directory = '', times = ''] = process.argv.slice(2);
const storage = embeddedStorage({ directory });
const key = { pk: 'shared', sk: 'counter' };

console.log('ready');
while (!(await storage.log.get(key))) await setImmediate();
let refused = 0;
for (let done = 0; done < Number(times); ) {
  const n = (await storage.log.get(key))?.n as number;
  const { applied } = await storage.log.update(key, [{ set: ['n'], to: n + 1 }], {
    path: ['n'],
    is: '=',
    value: n,
  });
  if (applied) done++;
  else refused++;
}
await storage.close();
console.log(refused);
