import { randomBytes } from 'node:crypto';
import { bytes, expectMistake, type Given } from './given.ts';

export function describeItems(given: Given): void {
  describe('items', () => {
    it('returns what was put, each type of value as it was', async () => {
      const item = await given.stored({
        nothing: null,
        yes: true,
        no: false,
        integers: [0, 1, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
        doubles: [0.1, -2.5e-7, 1e21, 1.7976931348623157e100],
        empty: ['', bytes(), [], {}],
        text: 'ü 😀 \u0000 "quoted"',
        bytes: bytes(0, 128, 255),
        nested: { list: [[bytes(1)], { deep: { deeper: 'x' } }], 'a.b': 1, '#:-[0]': 2 },
      });
      expect(await given.items.get(item)).toEqual(item);
    });

    it('knows no item where none was put', async () => {
      expect(await given.items.get(given.key('none'))).toBeUndefined();
    });

    it('keeps its three item stores apart', async () => {
      const { log, metadata, groups } = given.storage;
      const stores = Object.entries({ log, metadata, groups });
      for (const [name, store] of stores) await store.put({ ...given.key('item'), in: name });
      for (const [name, store] of stores) {
        expect(await store.get(given.key('item'))).toEqual({ ...given.key('item'), in: name });
      }
      await groups.delete(given.key('item'));
      expect(await log.get(given.key('item'))).toHaveProperty('in', 'log');
      expect(await metadata.get(given.key('item'))).toHaveProperty('in', 'metadata');
    });

    it('replaces the whole item by a put', async () => {
      await given.stored({ a: 1, b: 2 });
      const item = await given.stored({ b: 3 });
      expect(await given.items.get(item)).toEqual(item);
    });

    it('is not changed by what the caller does to its objects later', async () => {
      const list = [1, { deep: [2] }];
      const item = await given.stored({ list });
      const appended = [3];
      await given.items.update(item, [{ append: ['list'], values: [appended] }]);
      list.push(9);
      (list[1] as { deep: number[] }).deep.push(9);
      appended.push(9);
      expect(await given.items.get(item)).toMatchObject({ list: [1, { deep: [2] }, [3]] });
    });

    it('stores -0 as 0, and refuses numbers that have no decimal form', async () => {
      const item = await given.stored({ n: -0 });
      expect(Object.is((await given.items.get(item))?.n, 0)).toBe(true);
      for (const n of [Number.NaN, Number.POSITIVE_INFINITY]) {
        await expectMistake(given.items.put({ ...item, n }));
        await expectMistake(given.items.update(item, [{ set: ['n'], to: [n] }]));
      }
      expect(await given.items.get(item)).toEqual({ ...item, n: 0 });
    });

    it('refuses an empty pk or sk', async () => {
      await expectMistake(given.items.put({ pk: given.pk, sk: '' }));
      await expectMistake(given.items.update({ pk: '', sk: 'x' }, [{ set: ['a'], to: 1 }]));
    });

    it('stores items of 300 KB, and none above 400 KB', async () => {
      const blob = randomBytes(300_000);
      const item = await given.stored({ blob });
      await expectMistake(given.items.put({ ...item, blob: new Uint8Array(410_000) }));
      await expectMistake(given.items.update(item, [{ set: ['more'], to: new Uint8Array(110_000) }]));
      const found = await given.items.get(item);
      expect(Object.keys(found!).sort()).toEqual(['blob', 'pk', 'sk']);
      expect(Buffer.compare(blob, found!.blob as Uint8Array)).toBe(0);
    });

    it('gets many in the order asked for, the missing and the repeated included', async () => {
      const all = await Promise.all(Array.from({ length: 30 }, (_, n) => given.stored({ n }, `n${n}`)));
      const asked = [given.key('none'), ...all.toReversed(), all[5]!];
      expect(await given.items.getMany(asked)).toEqual([undefined, ...all.toReversed(), all[5]]);
      expect(await given.items.getMany([])).toEqual([]);
    });

    it('refuses to get more than 100 at once', async () => {
      const keys = Array.from({ length: 101 }, (_, n) => ({ pk: 'many', sk: `k${n}` }));
      expect(await given.items.getMany(keys.slice(1))).toHaveLength(100);
      await expect(given.items.getMany(keys)).rejects.toThrow();
    });

    it('gets many even if together they are larger than one answer', async () => {
      const all = await Promise.all(
        Array.from({ length: 12 }, (_, n) => given.stored({ n, blob: new Uint8Array(300_000) }, `n${n}`)),
      );
      const found = await given.items.getMany(all);
      expect(found.map((item) => item?.n)).toEqual(all.map((item) => item.n));
    });
  });
}
