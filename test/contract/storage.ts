import { randomBytes } from 'node:crypto';
import {
  type Action,
  type Condition,
  type Item,
  type ItemStore,
  type Storage,
  StorageError,
  type WriteOutcome,
} from '../../lib/storage/ports.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);
const text = (value: string) => new TextEncoder().encode(value);

/** What some emulator gets wrong; the test says so by its name and is skipped. */
export type Fault = 'inherited names' | 'remove below nothing' | 'key order';

/** What every adapter must do alike. `makeStorage` is called once; each test uses keys of its own. */
export function describeStorage(
  name: string,
  makeStorage: () => Promise<Storage>,
  faults: readonly Fault[] = [],
): void {
  const itUnless = (fault: Fault, test: string, body: () => Promise<void>) =>
    faults.includes(fault) ? it.skip(`${test} (a known fault of this emulator)`, body) : it(test, body);

  describe(`${name}: the storage contract`, () => {
    let storage: Storage;
    let items: ItemStore;
    let pk = '';
    let tests = 0;

    beforeAll(async () => {
      storage = await makeStorage();
      items = storage.log;
    });
    afterAll(() => storage?.close());
    beforeEach(() => {
      pk = `group-${++tests}`;
    });

    const key = (sk: string) => ({ pk, sk });
    const stored = async (attributes: Omit<Item, 'pk' | 'sk'>, sk = 'item'): Promise<Item> => {
      const item = { ...attributes, ...key(sk) };
      await items.put(item);
      return item;
    };

    describe('items', () => {
      it('returns what was put, each type of value as it was', async () => {
        const item = await stored({
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
        expect(await items.get(item)).toEqual(item);
      });

      it('knows no item where none was put', async () => {
        expect(await items.get(key('none'))).toBeUndefined();
      });

      it('keeps its two item stores apart', async () => {
        await stored({ in: 'log' });
        expect(await storage.metadata.get(key('item'))).toBeUndefined();
      });

      it('replaces the whole item by a put', async () => {
        await stored({ a: 1, b: 2 });
        const item = await stored({ b: 3 });
        expect(await items.get(item)).toEqual(item);
      });

      it('is not changed by what the caller does to its objects later', async () => {
        const list = [1, { deep: [2] }];
        const item = await stored({ list });
        const appended = [3];
        await items.update(item, [{ append: ['list'], values: [appended] }]);
        list.push(9);
        (list[1] as { deep: number[] }).deep.push(9);
        appended.push(9);
        expect(await items.get(item)).toMatchObject({ list: [1, { deep: [2] }, [3]] });
      });

      it('stores -0 as 0, and refuses numbers that have no decimal form', async () => {
        const item = await stored({ n: -0 });
        expect(Object.is((await items.get(item))?.n, 0)).toBe(true);
        for (const n of [Number.NaN, Number.POSITIVE_INFINITY]) {
          await expectMistake(items.put({ ...item, n }));
          await expectMistake(items.update(item, [{ set: ['n'], to: [n] }]));
        }
        expect(await items.get(item)).toEqual({ ...item, n: 0 });
      });

      it('refuses an empty pk or sk', async () => {
        await expectMistake(items.put({ pk, sk: '' }));
        await expectMistake(items.update({ pk: '', sk: 'x' }, [{ set: ['a'], to: 1 }]));
      });

      it('stores items of 300 KB, and none above 400 KB', async () => {
        const blob = randomBytes(300_000);
        const item = await stored({ blob });
        await expectMistake(items.put({ ...item, blob: new Uint8Array(410_000) }));
        await expectMistake(items.update(item, [{ set: ['more'], to: new Uint8Array(110_000) }]));
        const found = await items.get(item);
        expect(Object.keys(found!).sort()).toEqual(['blob', 'pk', 'sk']);
        expect(Buffer.compare(blob, found!.blob as Uint8Array)).toBe(0);
      });

      it('gets many in the order asked for, the missing and the repeated included', async () => {
        const all = await Promise.all(Array.from({ length: 30 }, (_, n) => stored({ n }, `n${n}`)));
        const asked = [key('none'), ...all.toReversed(), all[5]!];
        expect(await items.getMany(asked)).toEqual([undefined, ...all.toReversed(), all[5]]);
        expect(await items.getMany([])).toEqual([]);
      });

      it('gets many even if together they are larger than one answer', async () => {
        const all = await Promise.all(
          Array.from({ length: 12 }, (_, n) => stored({ n, blob: new Uint8Array(300_000) }, `n${n}`)),
        );
        const found = await items.getMany(all);
        expect(found.map((item) => item?.n)).toEqual(all.map((item) => item.n));
      });
    });

    describe('conditions', () => {
      const item = (): Item => ({
        ...key('item'),
        number: 5,
        string: 'm',
        bytes: bytes(5, 200),
        list: ['a', 'bc', 7, bytes(1, 2), ['nested']],
        map: { 'in:side#-1': { deep: 3 }, list: [10, 20] },
        nothing: null,
      });
      const allowed: Record<string, Condition[]> = {
        existence: [
          { exists: ['pk'] },
          { exists: ['nothing'] },
          { exists: ['map', 'in:side#-1', 'deep'] },
          { exists: ['map', 'list', 1] },
          { missing: ['absent'] },
          { missing: ['map', 'absent', 'deeper'] },
          { missing: ['list', 5] },
          { missing: ['number', 'inside'] },
        ],
        'numbers, compared as numbers': [
          { path: ['number'], is: '=', value: 5 },
          { path: ['number'], is: '<', value: 10 },
          { path: ['number'], is: '<=', value: 5 },
          { path: ['number'], is: '>', value: -6 },
          { path: ['number'], is: '>=', value: 5 },
          { path: ['map', 'list', 1], is: '=', value: 20 },
        ],
        'text, compared by UTF-8 bytes': [
          { path: ['string'], is: '=', value: 'm' },
          { path: ['string'], is: '<', value: 'ma' },
          { path: ['string'], is: '>', value: 'Z' },
          { path: ['string'], is: '<', value: 'ä' },
        ],
        'bytes, compared as unsigned': [
          { path: ['bytes'], is: '=', value: bytes(5, 200) },
          { path: ['bytes'], is: '>', value: bytes(5, 100) },
          { path: ['bytes'], is: '<', value: bytes(5, 200, 0) },
          { path: ['bytes'], is: '>', value: bytes(5) },
        ],
        'a list that contains': [
          { path: ['list'], contains: 'bc' },
          { path: ['list'], contains: 7 },
          { path: ['list'], contains: bytes(1, 2) },
          { path: ['map', 'list'], contains: 10 },
        ],
        combinations: [
          { not: { path: ['list'], contains: bytes(1) } },
          { all: [{ exists: ['pk'] }, { any: [{ missing: ['pk'] }, { exists: ['sk'] }] }] },
          { any: [{ not: { exists: ['pk'] } }, { all: [{ exists: ['number'] }] }] },
        ],
      };
      const refused: Record<string, Condition[]> = {
        existence: [
          { missing: ['pk'] },
          { missing: ['nothing'] },
          { exists: ['absent'] },
          { exists: ['list', 5] },
        ],
        'an order that differs': [
          { path: ['number'], is: '<', value: 5 },
          { path: ['number'], is: '>', value: 5 },
          { path: ['bytes'], is: '=', value: bytes(5, 201) },
          { path: ['string'], is: '>=', value: 'n' },
        ],
        'a path that is missing': [
          { path: ['absent'], is: '=', value: 1 },
          { path: ['absent'], is: '<', value: 1 },
          { path: ['absent'], is: '>=', value: bytes(0) },
          { path: ['absent'], contains: 'a' },
          { path: ['list', 9], is: '<', value: 'z' },
        ],
        'another type': [
          { path: ['number'], is: '=', value: '5' },
          { path: ['number'], is: '<', value: '9' },
          { path: ['string'], is: '>', value: 0 },
          { path: ['string'], is: '=', value: text('m') },
          { path: ['bytes'], is: '>=', value: '' },
          { path: ['nothing'], is: '<', value: 1 },
          { path: ['list'], is: '>', value: 0 },
        ],
        'a list without that element': [
          { path: ['list'], contains: 'b' },
          { path: ['list'], contains: '7' },
          { path: ['list'], contains: bytes(1) },
          { path: ['list'], contains: 'nested' },
        ],
        'contains, of what is no list': [
          { path: ['string'], contains: 'm' },
          { path: ['bytes'], contains: bytes(5) },
          { path: ['map'], contains: 'list' },
          { path: ['number'], contains: 5 },
        ],
        combinations: [
          { not: { exists: ['pk'] } },
          { all: [{ exists: ['pk'] }, { missing: ['pk'] }] },
          { any: [{ path: ['absent'], is: '=', value: 1 }, { missing: ['sk'] }] },
        ],
      };

      it.each(Object.keys(allowed))('allows: %s', async (kind) => {
        await items.put(item());
        for (const condition of allowed[kind]!) {
          expect({ condition, ...(await items.put(item(), condition)) }).toEqual({
            condition,
            applied: true,
            item: item(),
          });
        }
      });

      it.each(Object.keys(refused))('refuses, with the item as it stands: %s', async (kind) => {
        await items.put(item());
        for (const condition of refused[kind]!) {
          const refusal = { condition, applied: false, item: item() };
          expect({ condition, ...(await items.put(key('item'), condition)) }).toEqual(refusal);
          expect({ condition, ...(await items.update(item(), [{ set: ['n'], to: 1 }], condition)) }).toEqual(
            refusal,
          );
          expect({ condition, ...(await items.delete(item(), condition)) }).toEqual(refusal);
        }
        expect(await items.get(item())).toEqual(item());
      });

      it('finds nothing in an item that is not there', async () => {
        const comparisons: Condition[] = [
          { exists: ['pk'] },
          { path: ['n'], is: '<', value: 1 },
          { path: ['list'], contains: 1 },
        ];
        for (const condition of comparisons) {
          const refusal = { applied: false, item: undefined };
          expect(await items.update(key('none'), [{ set: ['n'], to: 1 }], condition)).toEqual(refusal);
          expect(await items.put(key('none'), condition)).toEqual(refusal);
          expect(await items.delete(key('none'), condition)).toEqual(refusal);
        }
        const created = await items.put(key('none'), { not: { path: ['list'], contains: 1 } });
        expect(created).toEqual({ applied: true, item: key('none') });
      });

      it('is a mistake without parts', async () => {
        await expectMistake(items.put(item(), { all: [] }));
        await expectMistake(items.put(item(), { any: [] }));
      });
    });

    describe('updates', () => {
      it('sets, adds, appends and removes at once, all seeing the old item', async () => {
        const old = await stored({ a: 1, n: 5, list: ['x'], gone: true, map: { count: 1 } });
        const outcome = await items.update(old, [
          { set: ['a'], to: { b: [1] } },
          { set: ['new'], to: bytes(9) },
          { add: ['n'], value: -7 },
          { append: ['list'], values: ['y', 2] },
          { remove: ['gone'] },
          { remove: ['never-there'] },
          { add: ['map', 'count'], value: 1 },
        ]);
        const item = {
          ...key('item'),
          a: { b: [1] },
          new: bytes(9),
          n: -2,
          list: ['x', 'y', 2],
          map: { count: 2 },
        };
        expect(outcome).toEqual({ applied: true, item });
        expect(await items.get(old)).toEqual(item);
      });

      it('creates the item, also with no more than its key', async () => {
        expect(await items.update(key('a'), [{ set: ['n'], to: 1 }])).toEqual({
          applied: true,
          item: { ...key('a'), n: 1 },
        });
        expect(await items.update(key('b'), [])).toEqual({ applied: true, item: key('b') });
        expect(await items.get(key('b'))).toEqual(key('b'));
      });

      it('reaches into maps by any name and into lists by index', async () => {
        const names = ['a:b', '#', '-', '0', 'with space', 'a.b', '[1]', 'ü'];
        const map = Object.fromEntries(names.map((name) => [name, [0, 0]]));
        const item = await stored({ map });
        for (const name of names) await items.update(item, [{ set: ['map', name, 1], to: name }]);
        await items.update(item, [{ set: ['map', 'new:1'], to: 1 }]);
        const expected = Object.fromEntries([...names.map((name) => [name, [0, name]]), ['new:1', 1]]);
        expect(Object.entries((await items.get(item))!.map as object).sort()).toEqual(
          Object.entries(expected).sort(),
        );
      });

      itUnless('inherited names', 'knows no names but those that were put', async () => {
        const map = Object.fromEntries([
          ['__proto__', 1],
          ['toString', 2],
        ]);
        const item = await stored({ map });
        const condition: Condition = {
          all: [{ exists: ['map', '__proto__'] }, { missing: ['map', 'constructor'] }],
        };
        const { item: updated } = await items.update(item, [{ set: ['map', 'valueOf'], to: 3 }], condition);
        expect(Object.entries(updated!.map as object).sort()).toEqual([
          ['__proto__', 1],
          ['toString', 2],
          ['valueOf', 3],
        ]);
      });

      it('removes list elements by their old index, beside sets and appends in other lists', async () => {
        const item = await stored({ list: [0, 1, 2, 3, 4, 5], other: [[0, 1], 1], n: 0 });
        const actions: Action[] = [
          { remove: ['list', 0] },
          { remove: ['list', 1] },
          { remove: ['list', 4] },
          { remove: ['list', 99] },
          { set: ['list', 5], to: 'five' },
          { append: ['other', 0], values: [2] },
          { remove: ['other', 1] },
        ];
        const outcome = await items.update(item, actions);
        expect(outcome).toEqual({
          applied: true,
          item: { ...item, list: [2, 3, 'five'], other: [[0, 1, 2]] },
        });
      });

      it('removes 150 elements from the front of a list', async () => {
        const item = await stored({ list: Array.from({ length: 200 }, (_, n) => bytes(n)) });
        const actions = Array.from({ length: 150 }, (_, n): Action => ({ remove: ['list', n] }));
        const outcome = await items.update(item, actions);
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
        const item = await stored({ text: 'x', map: {}, list: [0] });
        await expectMistake(items.update(item, [{ set: ['b'], to: 1 }, ...mistakes[kind]!]));
        expect(await items.get(item)).toEqual(item);
      });

      itUnless('remove below nothing', 'refuses to remove what has no parent', async () => {
        const item = await stored({});
        await expectMistake(items.update(item, [{ remove: ['absent', 'x'] }]));
      });
    });

    describe('concurrent writes', () => {
      it('keeps every one of 64 appends, each seeing its own place', async () => {
        const item = await stored({ list: [] });
        const outcomes = await Promise.all(
          Array.from({ length: 64 }, (_, n) => items.update(item, [{ append: ['list'], values: [n] }])),
        );
        const list = (await items.get(item))!.list as number[];
        expect(list.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 64 }, (_, n) => n));
        for (const [n, outcome] of outcomes.entries()) {
          const seen = outcome.item!.list as number[];
          expect(seen).toEqual(list.slice(0, list.indexOf(n) + 1));
        }
      });

      it('lets one of many conditional puts win, and tells the others who did', async () => {
        const outcomes = await Promise.all(
          Array.from({ length: 32 }, (_, n) => items.put({ ...key('one'), n }, { missing: ['pk'] })),
        );
        const winners = outcomes.filter(({ applied }) => applied);
        expect(winners).toHaveLength(1);
        for (const { item } of outcomes) expect(item).toEqual(winners[0]!.item);
      });

      it('loses no increment made on the condition of what was read', async () => {
        const item = await stored({ n: 0 });
        const increment = async () => {
          for (;;) {
            const n = (await items.get(item))!.n as number;
            const condition: Condition = { path: ['n'], is: '=', value: n };
            const outcome: WriteOutcome = await items.update(item, [{ set: ['n'], to: n + 1 }], condition);
            if (outcome.applied) return;
          }
        };
        await Promise.all(Array.from({ length: 8 }, increment));
        expect(await items.get(item)).toEqual({ ...item, n: 8 });
      });
    });

    describe('deletes', () => {
      it('removes the item; a missing one is no error', async () => {
        const item = await stored({});
        expect(await items.delete(item)).toEqual({ applied: true, item: undefined });
        expect(await items.get(item)).toBeUndefined();
        expect(await items.delete(item)).toEqual({ applied: true, item: undefined });
      });
    });

    describe('queries', () => {
      const sks = ['a', 'a\u0000', 'a-', 'a/b', 'b', 'b1', 'é', '\uffee', '😀'];
      const found = async (query: Omit<Parameters<ItemStore['query']>[0], 'pk' | 'limit'>, limit = 100) =>
        (await items.query({ pk, limit, ...query })).items.map(({ sk }) => sk);

      beforeEach(async () => {
        for (const sk of sks.toReversed()) await stored({ n: 1 }, sk);
        await items.put({ pk: `${pk}0`, sk: 'other' });
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
        expect(await items.query({ pk: 'none', limit: 10 })).toEqual({ items: [] });
      });

      it.each([false, true])('is paged without gap or repetition (descending: %s)', async (descending) => {
        const seen: string[] = [];
        let bound: { from?: string; to?: string } = {};
        for (let page = 0; page < 20; page++) {
          const { items: some, lastSk } = await items.query({ pk, limit: 2, descending, ...bound });
          expect(some.length).toBeLessThanOrEqual(2);
          seen.push(...some.map(({ sk }) => sk).filter((sk) => sk !== seen.at(-1)));
          if (lastSk === undefined) break;
          bound = descending ? { to: lastSk } : { from: lastSk };
        }
        expect(seen).toEqual(descending ? sks.toReversed() : sks);
      });

      it('says that there may be more when a page is full of large items', async () => {
        for (let n = 0; n < 5; n++)
          await items.put({ pk: `${pk}-large`, sk: `n${n}`, blob: new Uint8Array(300_000) });
        const first = await items.query({ pk: `${pk}-large`, limit: 100 });
        expect(first.items.length).toBeLessThan(5);
        expect(first.lastSk).toBe(first.items.at(-1)!.sk);
        const rest = await items.query({ pk: `${pk}-large`, limit: 100, from: `${first.lastSk}\u0000` });
        expect([...first.items, ...rest.items].map(({ sk }) => sk)).toEqual(['n0', 'n1', 'n2', 'n3', 'n4']);
      });
    });

    describe('objects', () => {
      const put = async (name: string, content: string) => {
        await storage.objects.put(`${pk}/${name}`, [text(content)]);
        return `${pk}/${name}`;
      };
      const get = async (objectKey: string, position?: number, length?: number) => {
        const range = position === undefined ? undefined : { position, length: length! };
        const found = await storage.objects.get(objectKey, range);
        return found && new TextDecoder().decode(found);
      };

      it('returns the chunks as one, whole or in ranges', async () => {
        const objectKey = `${pk}/blobs/one`;
        await storage.objects.put(objectKey, [text('01'), text(''), text('2345'), text('6789')]);
        expect(await get(objectKey)).toBe('0123456789');
        expect(await get(objectKey, 0, 1)).toBe('0');
        expect(await get(objectKey, 3, 4)).toBe('3456');
        expect(await get(objectKey, 0, 10)).toBe('0123456789');
      });

      it('cuts a range short that runs past the end', async () => {
        const objectKey = await put('short', '0123456789');
        expect(await get(objectKey, 8, 100)).toBe('89');
        expect(await get(objectKey, 10, 1)).toBe('');
        expect(await get(objectKey, 1000, 5)).toBe('');
        expect(await get(objectKey, 3, 0)).toBe('');
      });

      it('knows no object where none was put', async () => {
        expect(await get(`${pk}/none`)).toBeUndefined();
        expect(await get(`${pk}/none`, 0, 5)).toBeUndefined();
      });

      it('replaces an object as a whole', async () => {
        const objectKey = await put('twice', 'a long first version');
        await put('twice', 'short');
        expect(await get(objectKey)).toBe('short');
      });

      it('stores objects that are empty', async () => {
        const objectKey = await put('empty', '');
        expect(await get(objectKey)).toBe('');
        expect(await get(objectKey, 0, 5)).toBe('');
        await storage.objects.put(objectKey, []);
        expect(await get(objectKey)).toBe('');
      });

      it('stores 8 MB, in 2,000 chunks', async () => {
        const chunks = Array.from({ length: 2000 }, (_, n) => new Uint8Array(4195).fill(n));
        await storage.objects.put(`${pk}/large`, chunks);
        const found = (await storage.objects.get(`${pk}/large`))!;
        expect(Buffer.compare(found, Buffer.concat(chunks))).toBe(0);
        const slice = await storage.objects.get(`${pk}/large`, { position: 4195 * 1999 - 1, length: 2 });
        expect(slice).toEqual(bytes(1998 % 256, 1999 % 256));
      });

      it('is not changed by what the caller does to its chunks later', async () => {
        const chunk = text('before');
        await storage.objects.put(`${pk}/kept`, [chunk]);
        chunk.fill(0);
        expect(await get(`${pk}/kept`)).toBe('before');
      });

      const expectListing = async (names: string[], ...prefixes: string[]) => {
        for (const name of names) await put(name, name);
        for (const prefix of prefixes) {
          const seen: { key: string; bytes: number }[] = [];
          let after: string | undefined;
          for (let page = 0; page < 20; page++) {
            const options = { limit: 2, ...(after && { after }) };
            const { objects, next } = await storage.objects.list(`${pk}/${prefix}`, options);
            seen.push(...objects);
            if (next === undefined) break;
            after = next;
          }
          const expected = names.filter((name) => name.startsWith(prefix)).sort();
          expect(seen).toEqual(expected.map((name) => ({ key: `${pk}/${name}`, bytes: name.length })));
        }
      };

      it('lists by prefix, in key order, in pages', async () => {
        const names = [
          'blobs/a',
          'blobs/1',
          'blobs/a1',
          'blobs/b',
          'segments/10/00',
          'segments/3/0',
          'segments/10/01',
        ];
        await expectListing(names, '', 'blobs', 'blobs/', 'blobs/a', 'segments/1', 'segments/10/00', 'none');
      });

      itUnless('key order', 'lists keys with other characters in the order of bytes', async () => {
        const names = [
          'blobs/Zz_9',
          'blobs/a',
          'blobs/a-1',
          'blobs/a.b',
          'blobs/a:1',
          'blobs/a=',
          'blobs/a%2F',
          'blobs-2/x',
          'blobs.3',
        ];
        await expectListing(names, '', 'blobs', 'blobs/', 'blobs/a');
      });

      it('lists from a key that is not there', async () => {
        for (const name of ['x/1', 'x/3', 'y']) await put(name, '');
        const { objects } = await storage.objects.list(`${pk}/`, { after: `${pk}/x/2`, limit: 10 });
        expect(objects.map((object) => object.key)).toEqual([`${pk}/x/3`, `${pk}/y`]);
      });

      it('deletes many at once, missing ones too', async () => {
        const keys = await Promise.all(Array.from({ length: 40 }, (_, n) => put(`many/${n}`, 'x')));
        const kept = await put('kept', 'x');
        await storage.objects.delete([...keys, `${pk}/many/none`, `${pk}/nowhere/none`]);
        await storage.objects.delete([]);
        expect((await storage.objects.list(`${pk}/`, { limit: 1000 })).objects).toEqual([
          { key: kept, bytes: 1 },
        ]);
      });
    });
  });
}

/** An error of the caller's: not one that asks to try again. */
async function expectMistake(write: Promise<unknown>): Promise<void> {
  const error = await write.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Error);
  expect(error).not.toBeInstanceOf(StorageError);
}
