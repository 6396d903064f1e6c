import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deflateRawSync } from 'node:zlib';
import { bundle } from '../cdk/bundle/bundle.ts';
import { FUNCTIONS } from '../functions/manifest.ts';
import { benchOptions } from './options.ts';
import { printTable } from './table.ts';

/**
 * What a cold start has to do for each function: download its bundle (zipped), and evaluate it (minified), beside a handler that does nothing.
 * Each init is that of a process of its own; functions take turns, so that all have the same weather.
 */
const { runs } = benchOptions('coldstart', 'Size and init time of each function.', {
  runs: [11, 'processes for each function'],
});

const EMPTY = 'export const handler = async () => ({ statusCode: 204 });';
/** Prints how long the import of a module takes. */
const INIT =
  'const began = performance.now(); await import(process.argv[1]); console.log(performance.now() - began);';

const run = promisify(execFile);

async function initMs(module: string): Promise<number> {
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', INIT, module]);
  return Number(stdout);
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

const folder = await mkdtemp(join(tmpdir(), 'wadi-coldstart-'));
try {
  const names = ['an empty handler', ...FUNCTIONS.map(({ name }) => name)];
  const moduleOf = (name: string) => join(folder, name, 'index.mjs');
  await mkdir(join(folder, names[0]!));
  await writeFile(moduleOf(names[0]!), EMPTY);
  for (const { name, entry } of FUNCTIONS) await bundle(entry, join(folder, name));

  const inits = new Map<string, number[]>(names.map((name) => [name, []]));
  for (let i = 0; i < runs; i++) {
    for (const name of names) inits.get(name)!.push(await initMs(moduleOf(name)));
  }
  const rows = names.map(async (name) => {
    const code = await readFile(moduleOf(name));
    const kb = (bytes: number) => (bytes / 1000).toFixed(1);
    return [name, kb(code.length), kb(deflateRawSync(code).length), median(inits.get(name)!).toFixed(1)];
  });
  printTable(
    `Cold start: Node ${process.versions.node}, median of ${runs}`,
    ['function', 'minified KB', 'zipped KB', 'init ms'],
    await Promise.all(rows),
  );
} finally {
  await rm(folder, { recursive: true });
}
