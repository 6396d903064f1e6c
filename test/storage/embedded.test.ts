import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { embeddedStorage } from '../../lib/storage/embedded/embedded.ts';
import { type Storage, StorageError } from '../../lib/storage/ports.ts';
import { contentOf, itemOf } from './written.ts';

describe('the embedded store', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'wadi-embedded-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const withStorage = async <T>(use: (storage: Storage) => Promise<T>): Promise<T> => {
    const storage = embeddedStorage({ directory });
    try {
      return await use(storage);
    } finally {
      await storage.close();
    }
  };
  const run = (script: string, ...args: string[]) =>
    spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, script), directory, ...args],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );

  /** Kills the writer `afterMs` after it has written something of each kind; returns how many it acknowledged. */
  const writeAndKill = async (name: string, afterMs: number) => {
    const child = run('writer.ts', name);
    let output = '';
    child.stdout.on('data', (data) => {
      output += data;
    });
    const closed = once(child, 'close');
    const count = (kind: string) => output.match(new RegExp(`^${kind} \\d+\n`, 'gm'))?.length ?? 0;
    const acknowledged = () => ({
      items: count('item'),
      appends: count('append'),
      small: count('small'),
      large: count('large'),
      mixed: count('mixed'),
    });
    while (Math.min(...Object.values(acknowledged())) === 0) await once(child.stdout, 'data');
    await delay(afterMs);
    child.kill('SIGKILL');
    await closed;
    return acknowledged();
  };

  it('gives space that was freed back to the disk when it is opened again', async () => {
    const bytes = () =>
      readdirSync(directory, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
    const items = Array.from({ length: 500 }, (_, i) => ({
      pk: 'large',
      sk: `${i}`,
      bytes: new Uint8Array(20_000),
    }));
    await withStorage(({ log }) => Promise.all(items.map((item) => log.put(item))));
    const before = bytes();
    expect(before).toBeGreaterThan(500 * 20_000);
    await withStorage(({ log }) => Promise.all(items.map((item) => log.delete(item))));
    await withStorage(async () => undefined);
    expect(bytes()).toBeLessThan(before / 10);
  });

  it('has all that it acknowledged, and no torn object, after kill -9', async () => {
    for (let round = 0; round < 5; round++) {
      const name = `round-${round}`;
      const acknowledged = await writeAndKill(name, 40 * round);
      await withStorage(async ({ log, objects }) => {
        for (let n = 0; n < acknowledged.items; n++) {
          expect(await log.get(itemOf(name, n))).toEqual(itemOf(name, n));
        }
        const appended = (await log.get({ pk: name, sk: 'list' }))!.appended as number[];
        expect(appended).toEqual(appended.map((_, n) => n));
        expect(appended.length).toBeGreaterThanOrEqual(acknowledged.appends);

        for (const kind of ['small', 'large'] as const) {
          const present: number[] = [];
          for (let after: string | undefined; ; ) {
            const page = await objects.list(`${name}/${kind}/`, { limit: 100, ...(after && { after }) });
            for (const { key, bytes } of page.objects) {
              const n = Number(key.split('/').at(-1));
              const content = Buffer.concat(contentOf(kind, n));
              expect(bytes).toBe(content.length);
              expect(Buffer.compare((await objects.get(key))!, content)).toBe(0);
              present.push(n);
            }
            after = page.next;
            if (!after) break;
          }
          expect(present.length).toBeGreaterThanOrEqual(acknowledged[kind]);
          expect(present.toSorted((a, b) => a - b)).toEqual(present.map((_, n) => n));
        }

        // The last acknowledged version, or the one that was being put.
        const found = Buffer.from((await objects.get(`${name}/mixed`))!);
        const n = found.readUInt16BE(found.length - 2);
        expect([acknowledged.mixed - 1, acknowledged.mixed]).toContain(n);
        expect(Buffer.compare(found, Buffer.concat(contentOf('mixed', n)))).toBe(0);
      });
    }
  });

  it('loses no conditional update of two processes that share it', async () => {
    const key = { pk: 'shared', sk: 'counter' };
    const children = [1, 2].map(() => run('incrementer.ts', '1000'));
    await Promise.all(children.map((child) => once(child.stdout, 'data')));
    const ends = children.map((child) => Promise.all([once(child.stdout, 'data'), once(child, 'exit')]));
    await withStorage(({ log }) => log.put({ ...key, n: 0 }));
    const ended = await Promise.all(ends);
    expect(ended.map(([, [code]]) => code)).toEqual([0, 0]);
    const refused = ended.reduce((sum, [[count]]) => sum + Number(count), 0);
    expect(refused).toBeGreaterThan(0);
    expect(await withStorage(({ log }) => log.get(key))).toEqual({ ...key, n: 2000 });
  });

  it('writes what was asked for before it is closed', async () => {
    const key = { pk: 'p', sk: 's' };
    const writing = await withStorage(async ({ log }) => [log.put({ ...key, n: 1 })]);
    await Promise.all(writing);
    expect(await withStorage(({ log }) => log.get(key))).toEqual({ ...key, n: 1 });
  });

  it('lets a mistake fail alone among the writes that share its transaction', async () => {
    await withStorage(async ({ log }) => {
      const results = await Promise.allSettled([
        log.put({ pk: 'p', sk: '1' }),
        log.update({ pk: 'p', sk: '2' }, [{ add: ['absent'], value: 1 }]),
        log.put({ pk: 'p', sk: '3' }),
      ]);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect((await log.query({ pk: 'p', limit: 9 })).items.map(({ sk }) => sk)).toEqual(['1', '3']);
    });
  });

  it('sees what others wrote, and can write, after a query that stopped early', async () => {
    await withStorage(({ log: theirs }) =>
      withStorage(async ({ log }) => {
        for (const sk of ['1', '2', '3']) await log.put({ pk: 'p', sk, n: 0 });
        expect((await log.query({ pk: 'p', limit: 1 })).items).toHaveLength(1);
        await theirs.put({ pk: 'p', sk: '2', n: 1 });
        expect(await log.get({ pk: 'p', sk: '2' })).toMatchObject({ n: 1 });
        const outcome = await log.update({ pk: 'p', sk: '2' }, [{ add: ['n'], value: 1 }]);
        expect(outcome).toMatchObject({ applied: true, item: { n: 2 } });
      }),
    );
  });

  it('opens a directory of before there were groups, with all that it held', async () => {
    const item = { pk: 'p', sk: 's', n: 1 };
    await withStorage(async ({ log, metadata }) => {
      await log.put(item);
      await metadata.put(item);
    });
    const database = new DatabaseSync(join(directory, 'items.sqlite'));
    database.exec('DROP TABLE groups');
    database.close();
    await withStorage(({ groups }) => groups.put(item));
    await withStorage(async ({ log, metadata, groups }) => {
      for (const store of [log, metadata, groups]) expect(await store.get(item)).toEqual(item);
    });
  });

  it('refuses a directory of another format, and says which', async () => {
    await withStorage(async () => {});
    const database = new DatabaseSync(join(directory, 'items.sqlite'));
    database.exec('PRAGMA user_version = 99');
    database.close();
    expect(() => embeddedStorage({ directory })).toThrow(/items\.sqlite has format 99; .* format 2$/);
  });

  const SMALL = 64 * 1024;
  const LARGE = SMALL + 1;
  const filled = (bytes: number, value: number) => new Uint8Array(bytes).fill(value);
  /** Jest's `toEqual` takes a tenth of a second for as many bytes. */
  const expectFilled = (found: Uint8Array | undefined, bytes: number, value: number) =>
    expect(found && Buffer.compare(found, filled(bytes, value))).toBe(0);
  const filesInStore = () => readdirSync(join(directory, 'objects'));

  it('keeps objects up to 64 KiB in the database, larger ones as files', async () => {
    await withStorage(async ({ objects }) => {
      await objects.put('small', [filled(SMALL - 1, 1), filled(1, 1)]);
      expect(filesInStore()).toHaveLength(0);
      await objects.put('large', [filled(LARGE - 1, 1), filled(1, 1)]);
      expect(filesInStore()).toHaveLength(1);
      await objects.delete(['small', 'large']);
      expect(filesInStore()).toHaveLength(0);
    });
  });

  it.each([
    [SMALL, LARGE],
    [LARGE, SMALL],
    [LARGE, LARGE + 1],
  ])('replaces an object of %d bytes by one of %d, also when it is opened again', async (before, after) => {
    const expectAfter = async ({ objects }: Storage) => {
      expectFilled(await objects.get('k'), after, 2);
      expect(await objects.get('k', { position: after - 2, length: 9 })).toEqual(filled(2, 2));
      expect(await objects.list('', { limit: 9 })).toEqual({ objects: [{ key: 'k', bytes: after }] });
    };
    await withStorage(async (storage) => {
      await storage.objects.put('k', [filled(before, 1)]);
      await storage.objects.put('k', [filled(after, 2)]);
      await expectAfter(storage);
    });
    await withStorage(async (storage) => {
      await expectAfter(storage);
      expect(filesInStore()).toHaveLength(after > SMALL ? 1 : 0);
      await storage.objects.delete(['k']);
      expect(await storage.objects.get('k')).toBeUndefined();
      expect(filesInStore()).toHaveLength(0);
    });
  });

  it('has one of them, whole, after puts of both kinds under one key at once', async () => {
    await withStorage(async ({ objects }) => {
      for (let round = 0; round < 20; round++) {
        const sizes = [LARGE, SMALL, LARGE + 1, SMALL - 1];
        await Promise.all(sizes.map((bytes, n) => objects.put('k', [filled(bytes, n)])));
        const found = (await objects.get('k'))!;
        expectFilled(found, sizes[found[0]!]!, found[0]!);
        expect(filesInStore()).toHaveLength(found.length > SMALL ? 1 : 0);
      }
    });
  });

  it('lists both kinds in key order, in pages', async () => {
    await withStorage(async ({ objects }) => {
      const keys = ['a/1', 'a/2', 'a/3', 'b'];
      for (const [n, key] of keys.entries()) await objects.put(key, [filled(n % 2 ? LARGE : n, n)]);
      const first = await objects.list('a/', { limit: 2 });
      expect(first).toEqual({
        objects: [
          { key: 'a/1', bytes: 0 },
          { key: 'a/2', bytes: LARGE },
        ],
        next: 'a/2',
      });
      expect(await objects.list('a/', { limit: 2, after: 'a/2' })).toEqual({
        objects: [{ key: 'a/3', bytes: 2 }],
      });
    });
  });

  it('leaves no file behind when a large object cannot be put', async () => {
    const { objects } = await withStorage(async (storage) => storage);
    const failure = await objects.put('large', [filled(LARGE, 1)]).catch((error) => error);
    expect(failure).toBeInstanceOf(StorageError);
    expect(failure.applied).toBe('no');
    expect(filesInStore()).toHaveLength(0);
  });

  it('clears away files of an old crash, but none that is in use or may still be in the making', async () => {
    await withStorage(({ objects }) => objects.put('large', [filled(LARGE, 1)]));
    const [inUse] = filesInStore() as [string];
    const path = (name: string) => join(directory, 'objects', name);
    writeFileSync(path('old'), 'x');
    writeFileSync(path('new'), 'x');
    const twoDaysAgo = new Date(Date.now() - 2 * 24 * 60 * 60 * 1000);
    for (const name of [inUse, 'old']) utimesSync(path(name), twoDaysAgo, twoDaysAgo);
    await withStorage(async ({ objects }) => {
      expect(filesInStore().sort()).toEqual([inUse, 'new'].sort());
      expectFilled(await objects.get('large'), LARGE, 1);
    });
  });

  it('takes any key for a name, never for a path', async () => {
    const keys = ['../outside', '.', '/outside', 'a', 'a/../../outside', 'a//b', 'a/b'].sort();
    await withStorage(async ({ objects }) => {
      for (const key of keys) await objects.put(key, [filled(LARGE, 1)]);
      expect((await objects.list('', { limit: 9 })).objects.map(({ key }) => key)).toEqual(keys);
      expect(filesInStore()).toHaveLength(keys.length);
    });
    expect(existsSync(join(directory, '..', 'outside'))).toBe(false);
    expect(readdirSync(directory).filter((name) => !name.startsWith('items.sqlite'))).toEqual(['objects']);
  });
});
