import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLocalCluster } from '../../lib/local/cluster.ts';
import { loadApplication } from '../../lib/local/streams.ts';
import { run } from '../cli/support.ts';

const section = /^## Streams\n(.*?)^## /ms.exec(readFileSync('README.md', 'utf8'))![1]!;
const [code, commands] = [...section.matchAll(/^```\w+\n(.*?)^```$/gms)].map(([, block]) => block!);

/** The last count of each word that was printed. */
const lastOf = (printed: Buffer): Map<string, number> =>
  new Map(
    printed
      .toString()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split('\t'))
      .map(([word, count]) => [word!, Number(count)]),
  );

test("README's word count has ten lines, and counts what README's commands produce", async () => {
  expect(code!.trimEnd().split('\n').length).toBeLessThanOrEqual(10);
  const directory = mkdtempSync(join(tmpdir(), 'wadi-readme-'));
  const module = join(directory, 'words.ts');
  writeFileSync(module, code!.replace('./lib', new URL('../../lib', import.meta.url).href));
  const cluster = await startLocalCluster({ streams: [await loadApplication(module)] });
  try {
    const calls = [...commands!.matchAll(/^npm run -s wadi -- (.*)$/gm)].map(([, args]) => args!.split(' '));
    const get = calls.pop()!;
    const consume = calls.pop()!;
    for (const args of calls) expect(await run(cluster.url, args)).toMatchObject({ code: 0 });

    const expected = new Map<string, number>();
    for (const word of readFileSync('LICENSE', 'utf8')
      .toLowerCase()
      .split(/\P{L}+/u))
      if (word !== '') expected.set(word, (expected.get(word) ?? 0) + 1);
    const total = (counts: Map<string, number>) =>
      [...counts.values()].reduce((sum, count) => sum + count, 0);
    let counted = new Map<string, number>();
    for (let i = 0; i < 100 && total(counted) < total(expected); i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      counted = lastOf((await run(cluster.url, consume)).out);
    }
    expect(counted).toEqual(expected);
    const told = await run(cluster.url, get);
    expect(told.out.toString()).toBe(`${expected.get(get.at(-1)!)}\n`);
  } finally {
    await cluster.close();
    rmSync(directory, { recursive: true });
  }
});
