import type { ItemStore } from '../../lib/storage/ports.ts';
import type { Given } from './given.ts';

export function describeQueries(given: Given): void {
  describe('queries', () => {
    const sks = ['a', 'a\u0000', 'a-', 'a/b', 'b', 'b1', 'é', '\uffee', '😀'];
    const found = async (query: Omit<Parameters<ItemStore['query']>[0], 'pk' | 'limit'>, limit = 100) =>
      (await given.items.query({ pk: given.pk, limit, ...query })).items.map(({ sk }) => sk);

    beforeEach(async () => {
      for (const sk of sks.toReversed()) await given.stored({ n: 1 }, sk);
      await given.items.put({ pk: `${given.pk}0`, sk: 'other' });
    });

    it('returns a group in the order of UTF-8 bytes, both ways', async () => {
      expect(await found({})).toEqual(sks);
      expect(await found({ descending: true })).toEqual(sks.toReversed());
    });

    it('keeps to its inclusive bounds', async () => {
      expect(await found({ from: 'a-' })).toEqual(sks.slice(2));
      expect(await found({ to: 'a/b' })).toEqual(sks.slice(0, 4));
      expect(await found({ from: 'a/', to: 'b1' })).toEqual(['a/b', 'b', 'b1']);
      expect(await found({ from: 'a/', to: 'b1', descending: true })).toEqual(['b1', 'b', 'a/b']);
      expect(await found({ from: 'b', to: 'b' })).toEqual(['b']);
      expect(await found({ from: 'a\u0000' })).toEqual(sks.slice(1));
      expect(await found({ from: 'c', to: 'b' })).toEqual([]);
      expect(await found({ from: '', to: 'a' })).toEqual(['a']);
      expect(await found({ to: '' })).toEqual([]);
    });

    it('finds nothing in a group that is not there', async () => {
      expect(await given.items.query({ pk: 'none', limit: 10 })).toEqual({ items: [] });
    });

    it.each([false, true])('is paged without gap or repetition (descending: %s)', async (descending) => {
      const seen: string[] = [];
      let bound: { from?: string; to?: string } = {};
      for (let page = 0; page < 20; page++) {
        const { items: some, lastSk } = await given.items.query({
          pk: given.pk,
          limit: 2,
          descending,
          ...bound,
        });
        expect(some.length).toBeLessThanOrEqual(2);
        seen.push(...some.map(({ sk }) => sk).filter((sk) => sk !== seen.at(-1)));
        if (lastSk === undefined) break;
        bound = descending ? { to: lastSk } : { from: lastSk };
      }
      expect(seen).toEqual(descending ? sks.toReversed() : sks);
    });

    it('says that there may be more when a page is full of large items', async () => {
      for (let n = 0; n < 5; n++)
        await given.items.put({ pk: `${given.pk}-large`, sk: `n${n}`, blob: new Uint8Array(300_000) });
      const first = await given.items.query({ pk: `${given.pk}-large`, limit: 100 });
      expect(first.items.length).toBeLessThan(5);
      expect(first.lastSk).toBe(first.items.at(-1)!.sk);
      const rest = await given.items.query({
        pk: `${given.pk}-large`,
        limit: 100,
        from: `${first.lastSk}\u0000`,
      });
      expect([...first.items, ...rest.items].map(({ sk }) => sk)).toEqual(['n0', 'n1', 'n2', 'n3', 'n4']);
    });
  });
}
