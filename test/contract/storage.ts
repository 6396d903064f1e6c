import type { ItemStore, Storage } from '../../lib/storage/ports.ts';
import { describeConditions } from './conditions.ts';
import type { Fault, Given } from './given.ts';
import { describeItems } from './items.ts';
import { describeObjects } from './objects.ts';
import { describeQueries } from './queries.ts';
import { describeUpdates } from './updates.ts';
import { describeWrites } from './writes.ts';

/** What every adapter must do alike. `makeStorage` is called once; each test uses keys of its own. */
export function describeStorage(
  name: string,
  makeStorage: () => Promise<Storage>,
  faults: readonly Fault[] = [],
): void {
  describe(`${name}: the storage contract`, () => {
    let storage: Storage;
    let tests = 0;
    const given: Given = {
      get storage(): Storage {
        return storage;
      },
      get items(): ItemStore {
        return storage.log;
      },
      get pk(): string {
        return `group-${tests}`;
      },
      key: (sk) => ({ pk: given.pk, sk }),
      async stored(attributes, sk = 'item') {
        const item = { ...attributes, ...given.key(sk) };
        await given.items.put(item);
        return item;
      },
      itUnless(fault, test, body) {
        if (faults.includes(fault)) it.skip(`${test} (a known fault of this emulator)`, body);
        else it(test, body);
      },
    };

    beforeAll(async () => {
      storage = await makeStorage();
    });
    afterAll(() => storage?.close());
    beforeEach(() => {
      tests++;
    });

    describeItems(given);
    describeConditions(given);
    describeUpdates(given);
    describeWrites(given);
    describeQueries(given);
    describeObjects(given);
  });
}
