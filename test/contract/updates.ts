import type { Action, Condition } from '../../lib/storage/ports.ts';
import { bytes, expectMistake, type Given } from './given.ts';

export function describeUpdates(given: Given): void {
  describe('updates', () => {
    it('sets, adds, appends and removes at once, all seeing the old item', async () => {
      const old = await given.stored({ a: 1, n: 5, list: ['x'], gone: true, map: { count: 1 } });
      const outcome = await given.items.update(old, [
        { set: ['a'], to: { b: [1] } },
        { set: ['new'], to: bytes(9) },
        { add: ['n'], value: -7 },
        { append: ['list'], values: ['y', 2] },
        { remove: ['gone'] },
        { remove: ['never-there'] },
        { add: ['map', 'count'], value: 1 },
      ]);
      const item = {
        ...given.key('item'),
        a: { b: [1] },
        new: bytes(9),
        n: -2,
        list: ['x', 'y', 2],
        map: { count: 2 },
      };
      expect(outcome).toEqual({ applied: true, item });
      expect(await given.items.get(old)).toEqual(item);
    });

    it('creates the item, also with no more than its key', async () => {
      expect(await given.items.update(given.key('a'), [{ set: ['n'], to: 1 }])).toEqual({
        applied: true,
        item: { ...given.key('a'), n: 1 },
      });
      expect(await given.items.update(given.key('b'), [])).toEqual({ applied: true, item: given.key('b') });
      expect(await given.items.get(given.key('b'))).toEqual(given.key('b'));
    });

    it('reaches into maps by any name and into lists by index', async () => {
      const names = ['a:b', '#', '-', '0', 'with space', 'a.b', '[1]', 'ü'];
      const map = Object.fromEntries(names.map((name) => [name, [0, 0]]));
      const item = await given.stored({ map });
      for (const name of names) await given.items.update(item, [{ set: ['map', name, 1], to: name }]);
      await given.items.update(item, [{ set: ['map', 'new:1'], to: 1 }]);
      const expected = Object.fromEntries([...names.map((name) => [name, [0, name]]), ['new:1', 1]]);
      expect(Object.entries((await given.items.get(item))!.map as object).sort()).toEqual(
        Object.entries(expected).sort(),
      );
    });

    given.itUnless('inherited names', 'knows no names but those that were put', async () => {
      const map = Object.fromEntries([
        ['__proto__', 1],
        ['toString', 2],
      ]);
      const item = await given.stored({ map });
      const condition: Condition = {
        all: [{ exists: ['map', '__proto__'] }, { missing: ['map', 'constructor'] }],
      };
      const { item: updated } = await given.items.update(
        item,
        [{ set: ['map', 'valueOf'], to: 3 }],
        condition,
      );
      expect(Object.entries(updated!.map as object).sort()).toEqual([
        ['__proto__', 1],
        ['toString', 2],
        ['valueOf', 3],
      ]);
    });

    it('removes list elements by their old index, beside sets and appends in other lists', async () => {
      const item = await given.stored({ list: [0, 1, 2, 3, 4, 5], other: [[0, 1], 1], n: 0 });
      const actions: Action[] = [
        { remove: ['list', 0] },
        { remove: ['list', 1] },
        { remove: ['list', 4] },
        { remove: ['list', 99] },
        { set: ['list', 5], to: 'five' },
        { append: ['other', 0], values: [2] },
        { remove: ['other', 1] },
      ];
      const outcome = await given.items.update(item, actions);
      expect(outcome).toEqual({
        applied: true,
        item: { ...item, list: [2, 3, 'five'], other: [[0, 1, 2]] },
      });
    });

    it('removes 150 elements from the front of a list', async () => {
      const item = await given.stored({ list: Array.from({ length: 200 }, (_, n) => bytes(n)) });
      const actions = Array.from({ length: 150 }, (_, n): Action => ({ remove: ['list', n] }));
      const outcome = await given.items.update(item, actions);
      expect(outcome.item?.list).toEqual(Array.from({ length: 50 }, (_, n) => bytes(150 + n)));
    });

    const mistakes: Record<string, Action[]> = {
      'the same path twice': [{ set: ['a'], to: 1 }, { remove: ['a'] }],
      'a path inside another': [{ set: ['map', 'x'], to: 1 }, { remove: ['map'] }],
      'an addition to nothing': [{ add: ['absent'], value: 1 }],
      'an addition to text': [{ add: ['text'], value: 1 }],
      'an append to nothing': [{ append: ['absent'], values: [1] }],
      'an append to text': [{ append: ['text'], values: [1] }],
      'a missing parent': [{ set: ['absent', 'x'], to: 1 }],
      'an attribute without a name': [{ set: ['a'], to: { '': 1 } }],
      'a name in a list': [{ set: ['list', 'x'], to: 1 }],
      'an index in a map': [{ set: ['map', 0], to: 1 }],
      'a change of the key': [{ set: ['sk'], to: 'other' }],
    };
    it.each(Object.keys(mistakes))('refuses %s and changes nothing', async (kind) => {
      const item = await given.stored({ text: 'x', map: {}, list: [0] });
      await expectMistake(given.items.update(item, [{ set: ['b'], to: 1 }, ...mistakes[kind]!]));
      expect(await given.items.get(item)).toEqual(item);
    });

    given.itUnless('remove below nothing', 'refuses to remove what has no parent', async () => {
      const item = await given.stored({});
      await expectMistake(given.items.update(item, [{ remove: ['absent', 'x'] }]));
    });
  });
}
