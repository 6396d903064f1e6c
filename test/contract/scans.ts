import type { Item, Key, ScannableItems } from '../../lib/storage/ports.ts';
import { compareUtf8 } from '../../lib/storage/value.ts';

/** What every item store must do alike that can be read from end to end. `makeItems` is called once, and gives an empty one. */
export function describeScans(
  name: string,
  makeItems: () => Promise<{ readonly items: ScannableItems; close(): Promise<void> }>,
): void {
  describe(`${name}: the contract of scans`, () => {
    let items: ScannableItems;
    let close: () => Promise<void> = async () => undefined;
    beforeAll(async () => {
      ({ items, close } = await makeItems());
    });
    afterAll(() => close());
    afterEach(async () => {
      for (const { pk, sk } of await everything(100)) await items.delete({ pk, sk });
    });

    /** Page by page; `between` pages whatever a test does. */
    async function everything(limit: number, between: () => Promise<unknown> = async () => undefined) {
      const found: Item[] = [];
      let after: Key | undefined;
      for (let page = 0; page < 200; page++) {
        const answer = await items.scan({ limit, ...(after && { after }) });
        expect(answer.items.length).toBeLessThanOrEqual(limit);
        found.push(...answer.items);
        after = answer.next;
        if (after === undefined) return found;
        await between();
      }
      throw new Error('it does not end');
    }

    const inOrder = (found: readonly Item[]) =>
      found.toSorted((a, b) => compareUtf8(a.pk, b.pk) || compareUtf8(a.sk, b.sk));

    async function stored(): Promise<Item[]> {
      const made: Item[] = [];
      for (const pk of ['a', 'a/b', 'b', 'é', '😀', 'e2/a'])
        for (const sk of ['1', '10', '2', '\uffee']) made.push({ pk, sk, bytes: Uint8Array.of(1, 2), n: 1 });
      for (const item of made) await items.put(item);
      return inOrder(made);
    }

    it('finds nothing where nothing is', async () => {
      expect(await everything(10)).toEqual([]);
    });

    it.each([1, 2, 5, 23, 24, 25, 500])('gives every item once, whole, in pages of %i', async (limit) => {
      const all = await stored();
      expect(inOrder(await everything(limit))).toEqual(all);
    });

    it('says after which key to go on, which is that of the last item', async () => {
      await stored();
      const { items: page, next } = await items.scan({ limit: 7 });
      const { pk, sk } = page.at(-1)!;
      expect([page.length, next]).toEqual([7, { pk, sk }]);
    });

    it('goes on behind an item that has been deleted since', async () => {
      const all = await stored();
      const first = await items.scan({ limit: 7 });
      await items.delete(first.next!);
      const rest = await items.scan({ limit: 100, after: first.next! });
      expect(inOrder([...first.items, ...rest.items])).toEqual(all);
    });

    it('takes more of a key to go on after than the key', async () => {
      await stored();
      const { items: page } = await items.scan({ limit: 3 });
      const { items: rest } = await items.scan({ limit: 100, after: page.at(-1)! });
      expect(rest).toHaveLength(21);
    });

    it('gives all that was there before, and nothing twice, while others put, change and delete', async () => {
      const all = await stored();
      let round = 0;
      const found = await everything(2, async () => {
        round++;
        await items.put({ pk: `new/${round}`, sk: 'x' });
        await items.put({ pk: 'a', sk: `new/${round}` });
        await items.update(all[round % all.length]!, [{ set: ['n'], to: 2 }]);
        await items.delete({ pk: `new/${round - 1}`, sk: 'x' });
      });
      const keys = found.map(({ pk, sk }) => JSON.stringify([pk, sk]));
      expect(new Set(keys).size).toBe(keys.length);
      for (const { pk, sk } of all) expect(keys).toContain(JSON.stringify([pk, sk]));
      for (const { n, sk } of found)
        expect([sk.startsWith('new'), sk === 'x', n === 1, n === 2]).toContain(true);
    });

    it('gives items of more than a page of bytes, in as many pages as it takes', async () => {
      for (let n = 0; n < 6; n++)
        await items.put({ pk: `large/${n}`, sk: 'x', bytes: new Uint8Array(300_000) });
      const found = await everything(100);
      expect(inOrder(found).map(({ pk }) => pk)).toEqual([0, 1, 2, 3, 4, 5].map((n) => `large/${n}`));
    });
  });
}
