import type { Condition, WriteOutcome } from '../../lib/storage/ports.ts';
import type { Given } from './given.ts';

export function describeWrites(given: Given): void {
  describe('concurrent writes', () => {
    it('keeps every one of 64 appends, each seeing its own place', async () => {
      const item = await given.stored({ list: [] });
      const outcomes = await Promise.all(
        Array.from({ length: 64 }, (_, n) => given.items.update(item, [{ append: ['list'], values: [n] }])),
      );
      const list = (await given.items.get(item))!.list as number[];
      expect(list.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 64 }, (_, n) => n));
      for (const [n, outcome] of outcomes.entries()) {
        const seen = outcome.item!.list as number[];
        expect(seen).toEqual(list.slice(0, list.indexOf(n) + 1));
      }
    });

    it('lets one of many conditional puts win, and tells the others who did', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 32 }, (_, n) =>
          given.items.put({ ...given.key('one'), n }, { missing: ['pk'] }),
        ),
      );
      const winners = outcomes.filter(({ applied }) => applied);
      expect(winners).toHaveLength(1);
      for (const { item } of outcomes) expect(item).toEqual(winners[0]!.item);
    });

    it('loses no increment made on the condition of what was read', async () => {
      const item = await given.stored({ n: 0 });
      const increment = async () => {
        for (;;) {
          const n = (await given.items.get(item))!.n as number;
          const condition: Condition = { path: ['n'], is: '=', value: n };
          const outcome: WriteOutcome = await given.items.update(
            item,
            [{ set: ['n'], to: n + 1 }],
            condition,
          );
          if (outcome.applied) return;
        }
      };
      await Promise.all(Array.from({ length: 8 }, increment));
      expect(await given.items.get(item)).toEqual({ ...item, n: 8 });
    });
  });

  describe('deletes', () => {
    it('removes the item; a missing one is no error', async () => {
      const item = await given.stored({});
      expect(await given.items.delete(item)).toEqual({ applied: true, item: undefined });
      expect(await given.items.get(item)).toBeUndefined();
      expect(await given.items.delete(item)).toEqual({ applied: true, item: undefined });
    });
  });
}
