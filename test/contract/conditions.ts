import type { Condition, Item } from '../../lib/storage/ports.ts';
import { bytes, expectMistake, type Given, text } from './given.ts';

export function describeConditions(given: Given): void {
  describe('conditions', () => {
    const item = (): Item => ({
      ...given.key('item'),
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
      await given.items.put(item());
      for (const condition of allowed[kind]!) {
        expect({ condition, ...(await given.items.put(item(), condition)) }).toEqual({
          condition,
          applied: true,
          item: item(),
        });
      }
    });

    it.each(Object.keys(refused))('refuses, with the item as it stands: %s', async (kind) => {
      await given.items.put(item());
      for (const condition of refused[kind]!) {
        const refusal = { condition, applied: false, item: item() };
        expect({ condition, ...(await given.items.put(given.key('item'), condition)) }).toEqual(refusal);
        expect({
          condition,
          ...(await given.items.update(item(), [{ set: ['n'], to: 1 }], condition)),
        }).toEqual(refusal);
        expect({ condition, ...(await given.items.delete(item(), condition)) }).toEqual(refusal);
      }
      expect(await given.items.get(item())).toEqual(item());
    });

    it('finds nothing in an item that is not there', async () => {
      const comparisons: Condition[] = [
        { exists: ['pk'] },
        { path: ['n'], is: '<', value: 1 },
        { path: ['list'], contains: 1 },
      ];
      for (const condition of comparisons) {
        const refusal = { applied: false, item: undefined };
        expect(await given.items.update(given.key('none'), [{ set: ['n'], to: 1 }], condition)).toEqual(
          refusal,
        );
        expect(await given.items.put(given.key('none'), condition)).toEqual(refusal);
        expect(await given.items.delete(given.key('none'), condition)).toEqual(refusal);
      }
      const created = await given.items.put(given.key('none'), { not: { path: ['list'], contains: 1 } });
      expect(created).toEqual({ applied: true, item: given.key('none') });
    });

    it('is a mistake without parts', async () => {
      await expectMistake(given.items.put(item(), { all: [] }));
      await expectMistake(given.items.put(item(), { any: [] }));
    });
  });
}
