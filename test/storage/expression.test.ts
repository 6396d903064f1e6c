import fc from 'fast-check';
import { apply, prepare } from '../../lib/storage/expression.ts';
import type { Action, Item } from '../../lib/storage/ports.ts';
import { compareUtf8, itemBytes } from '../../lib/storage/value.ts';

const key = { pk: 'p', sk: 's' };

describe('an update', () => {
  const refuses = (item: Item, action: Action) =>
    expect(() => apply(prepare([action]), item, key)).toThrow(TypeError);

  it('never sets past the end of a list, where DynamoDB and its emulators differ', () => {
    refuses({ ...key, list: [0, 1] }, { set: ['list', 2], to: 2 });
    refuses({ ...key, list: [0, 1] }, { set: ['list', 99], to: 2 });
  });

  it('takes no fraction and no negative number for an index', () => {
    refuses({ ...key, list: [0, 1] }, { remove: ['list', -1] });
    refuses({ ...key, list: [0, 1] }, { set: ['list', 0.5], to: 2 });
  });

  it('leaves the old item as it was', () => {
    const item: Item = { ...key, list: [0, [1]], map: { inner: { n: 1 } } };
    const before = structuredClone(item);
    const actions: Action[] = [
      { append: ['list', 1], values: [2] },
      { remove: ['list', 0] },
      { add: ['map', 'inner', 'n'], value: 1 },
    ];
    expect(apply(prepare(actions), item, key)).toEqual({ ...key, list: [[1, 2]], map: { inner: { n: 2 } } });
    expect(item).toEqual(before);
  });
});

describe('the order of keys', () => {
  it('is that of their UTF-8 bytes', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', 'é', '\ud7ff', '\ue000', '\uffff', '😀', '\u{10ffff}'),
    });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    );
  });
});

describe('the size of an item', () => {
  it('counts names and values as DynamoDB does', () => {
    expect(itemBytes({ pk: 'é', sk: 's', b: new Uint8Array(100), list: [true, null], map: { n: 1 } })).toBe(
      2 + 2 + (2 + 1) + (1 + 100) + (4 + 3 + 2 + 2) + (3 + 3 + 1 + 1 + 2),
    );
  });
});
