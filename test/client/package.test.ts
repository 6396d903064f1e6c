import { execFile, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { startLocalCluster } from '../../lib/local/cluster.ts';

const run = promisify(execFile);
const manifest = JSON.parse(readFileSync('package.json', 'utf8'));

/** Of those on the path. */
function oldestNode(): { readonly path: string; readonly version: string } {
  const paths = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'node'));
  const found = [process.execPath, ...paths.filter((path) => existsSync(path))].flatMap((path) => {
    const version = spawnSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' }).stdout.trim();
    return Number.parseInt(version, 10) >= 20 ? [{ path, version }] : [];
  });
  return found.sort((a, b) => Number.parseInt(a.version, 10) - Number.parseInt(b.version, 10))[0]!;
}

const node = oldestNode();
let folder: string;

/** A project that has the package installed, as `prepare` builds it and `files` and `exports` give it away. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wadi-client-'));
  const installed = join(folder, 'node_modules', 'wadi');
  mkdirSync(installed, { recursive: true });
  cpSync('package.json', join(installed, 'package.json'));
  for (const name of ['hysnappy', 'js-xxhash'])
    symlinkSync(resolve('node_modules', name), join(folder, 'node_modules', name));
  const [command, ...args] = manifest.scripts.prepare.split(' ');
  await run(resolve('node_modules/.bin', command), [...args, '--outDir', join(installed, 'dist')]);
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test(`the package has a client that runs from node_modules, in Node ${node.version}`, async () => {
  expect(manifest.files).toContain('dist');
  const code = `
    import { admin, consumer, producer } from 'wadi/client';
    import { compress } from 'wadi/codecs';
    const url = process.argv[1];
    await admin({ url }).topics.create({ name: 't' });
    const { send, close } = producer({ url, compressionType: 'lz4', compress });
    await send({ topic: 't', records: [{ partition: 0, value: 'hello' }] });
    await close();
    const reader = consumer({ url, groupId: 'g', autoOffsetReset: 'earliest' });
    await reader.subscribe({ topics: ['t'] });
    for await (const { value } of reader) {
      console.log(new TextDecoder().decode(value));
      break;
    }
    await reader.close();
    for (const codec of ['gzip', 'snappy', 'zstd'])
      try { compress(codec, new Uint8Array(9)); } catch (error) { console.log(error.message); }
  `;
  const cluster = await startLocalCluster();
  try {
    const args = ['--input-type=module', '-e', code, cluster.url];
    const { stdout } = await run(node.path, args, { cwd: folder });
    expect(stdout).toMatch(/^hello\n(zstd needs Node 22.15 or later\n)?$/);
  } finally {
    await cluster.close();
  }
});

test.each(['nodenext', 'bundler'])(
  'its types are found and hold what they say, where modules are resolved as in %s',
  async (resolution) => {
    await writeFile(
      join(folder, 'index.ts'),
      `import { type Consumer, consumer, producer } from 'wadi/client';
     import { compress } from 'wadi/codecs';
     export const reader: Consumer = consumer({ url: '', groupId: '' });
     for await (const { offset, key } of reader) ((at: number, of: Uint8Array | null) => [at, of])(offset, key);
     producer({ url: '', compressionType: 'zstd', compress });
     // @ts-expect-error
     producer({ url: '', compressionType: 'zip' });
     // @ts-expect-error
     export const wrong: string = reader;`,
    );
    const module = resolution === 'bundler' ? 'esnext' : resolution;
    const options = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022,dom', '--types', ''];
    const args = [...options, '--module', module, '--moduleResolution', resolution, 'index.ts'];
    await run(resolve('node_modules/.bin/tsc'), args, { cwd: folder });
  },
);
