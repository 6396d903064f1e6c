import { bytes, type Given, text } from './given.ts';

export function describeObjects(given: Given): void {
  describe('objects', () => {
    const put = async (name: string, content: string) => {
      await given.storage.objects.put(`${given.pk}/${name}`, [text(content)]);
      return `${given.pk}/${name}`;
    };
    const get = async (objectKey: string, position?: number, length?: number) => {
      const range = position === undefined ? undefined : { position, length: length! };
      const found = await given.storage.objects.get(objectKey, range);
      return found && new TextDecoder().decode(found);
    };

    it('returns the chunks as one, whole or in ranges', async () => {
      const objectKey = `${given.pk}/blobs/one`;
      await given.storage.objects.put(objectKey, [text('01'), text(''), text('2345'), text('6789')]);
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
      expect(await get(`${given.pk}/none`)).toBeUndefined();
      expect(await get(`${given.pk}/none`, 0, 5)).toBeUndefined();
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
      await given.storage.objects.put(objectKey, []);
      expect(await get(objectKey)).toBe('');
    });

    it('stores 8 MB, in 2,000 chunks', async () => {
      const chunks = Array.from({ length: 2000 }, (_, n) => new Uint8Array(4195).fill(n));
      await given.storage.objects.put(`${given.pk}/large`, chunks);
      const found = (await given.storage.objects.get(`${given.pk}/large`))!;
      expect(Buffer.compare(found, Buffer.concat(chunks))).toBe(0);
      const slice = await given.storage.objects.get(`${given.pk}/large`, {
        position: 4195 * 1999 - 1,
        length: 2,
      });
      expect(slice).toEqual(bytes(1998 % 256, 1999 % 256));
    });

    it('is not changed by what the caller does to its chunks later', async () => {
      const chunk = text('before');
      await given.storage.objects.put(`${given.pk}/kept`, [chunk]);
      chunk.fill(0);
      expect(await get(`${given.pk}/kept`)).toBe('before');
    });

    const expectListing = async (names: string[], ...prefixes: string[]) => {
      for (const name of names) await put(name, name);
      for (const prefix of prefixes) {
        const seen: { key: string; bytes: number }[] = [];
        let after: string | undefined;
        for (let page = 0; page < 20; page++) {
          const options = { limit: 2, ...(after && { after }) };
          const { objects, next } = await given.storage.objects.list(`${given.pk}/${prefix}`, options);
          seen.push(...objects);
          if (next === undefined) break;
          after = next;
        }
        const expected = names.filter((name) => name.startsWith(prefix)).sort();
        expect(seen).toEqual(expected.map((name) => ({ key: `${given.pk}/${name}`, bytes: name.length })));
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

    given.itUnless('key order', 'lists keys with other characters in the order of bytes', async () => {
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
      const { objects } = await given.storage.objects.list(`${given.pk}/`, {
        after: `${given.pk}/x/2`,
        limit: 10,
      });
      expect(objects.map((object) => object.key)).toEqual([`${given.pk}/x/3`, `${given.pk}/y`]);
    });

    it('deletes many at once, missing ones too', async () => {
      const keys = await Promise.all(Array.from({ length: 40 }, (_, n) => put(`many/${n}`, 'x')));
      const kept = await put('kept', 'x');
      await given.storage.objects.delete([...keys, `${given.pk}/many/none`, `${given.pk}/nowhere/none`]);
      await given.storage.objects.delete([]);
      expect((await given.storage.objects.list(`${given.pk}/`, { limit: 1000 })).objects).toEqual([
        { key: kept, bytes: 1 },
      ]);
    });
  });
}
