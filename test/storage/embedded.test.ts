import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { embeddedStorage } from '../../lib/storage/embedded/embedded.ts';
import type { Storage } from '../../lib/storage/ports.ts';
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

  /** Kills the writer `afterMs` after its first line; returns how many of each kind it acknowledged. */
  const writeAndKill = async (name: string, afterMs: number) => {
    const child = run('writer.ts', name);
    let output = '';
    child.stdout.on('data', (data) => {
      output += data;
    });
    const closed = once(child, 'close');
    await once(child.stdout, 'data');
    await delay(afterMs);
    child.kill('SIGKILL');
    await closed;
    const lines = output.split('\n').slice(0, -1);
    const count = (kind: string) => lines.filter((line) => line.startsWith(kind)).length;
    return { items: count('item'), appends: count('append'), objects: count('object') };
  };

  it('has all that it acknowledged, and no torn object, after kill -9', async () => {
    for (let round = 0; round < 5; round++) {
      const name = `round-${round}`;
      const acknowledged = await writeAndKill(name, 20 + 40 * round);
      expect(Math.min(...Object.values(acknowledged))).toBeGreaterThan(0);

      await withStorage(async ({ log, objects }) => {
        for (let n = 0; n < acknowledged.items; n++) {
          expect(await log.get(itemOf(name, n))).toEqual(itemOf(name, n));
        }
        const appended = (await log.get({ pk: name, sk: 'list' }))!.appended as number[];
        expect(appended).toEqual(appended.map((_, n) => n));
        expect(appended.length).toBeGreaterThanOrEqual(acknowledged.appends);

        const present: number[] = [];
        for (let after: string | undefined; ; ) {
          const page = await objects.list(`${name}/`, { limit: 100, ...(after && { after }) });
          for (const { key, bytes } of page.objects) {
            const n = Number(key.split('/').at(-1));
            const content = Buffer.concat(contentOf(n));
            expect(bytes).toBe(content.length);
            expect(Buffer.compare((await objects.get(key))!, content)).toBe(0);
            present.push(n);
          }
          after = page.next;
          if (!after) break;
        }
        expect(present.length).toBeGreaterThanOrEqual(acknowledged.objects);
        expect(present.toSorted((a, b) => a - b)).toEqual(present.map((_, n) => n));
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

  it('refuses a directory of another format, and says which', async () => {
    await withStorage(async () => {});
    const database = new DatabaseSync(join(directory, 'items.sqlite'));
    database.exec('PRAGMA user_version = 99');
    database.close();
    expect(() => embeddedStorage({ directory })).toThrow(/items\.sqlite has format 99; .* format 1$/);
  });

  it('clears away what an old crash left half written, and nothing that may still be in the making', async () => {
    await withStorage(async () => {});
    const incoming = join(directory, 'incoming');
    writeFileSync(join(incoming, 'old'), 'x');
    writeFileSync(join(incoming, 'new'), 'x');
    const twoDaysAgo = new Date(Date.now() - 2 * 24 * 60 * 60 * 1000);
    utimesSync(join(incoming, 'old'), twoDaysAgo, twoDaysAgo);
    await withStorage(async () => {});
    expect(readdirSync(incoming)).toEqual(['new']);
  });

  it('never leaves its directory, whatever the key', async () => {
    await withStorage(async ({ objects }) => {
      for (const key of ['../outside', 'a/../../outside', '/outside', 'a//b', '.', '']) {
        await expect(objects.put(key, [Uint8Array.of(1)])).rejects.toThrow(TypeError);
        await expect(objects.get(key)).rejects.toThrow(TypeError);
        await expect(objects.delete([key])).rejects.toThrow(TypeError);
      }
    });
    expect(existsSync(join(directory, '..', 'outside'))).toBe(false);
  });
});
