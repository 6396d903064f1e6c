import { build } from 'esbuild';

test('the client is bundled for browsers without any module of Node, a codec or the AWS SDK', async () => {
  const { metafile, warnings, outputFiles } = await build({
    entryPoints: ['lib/client/index.ts'],
    bundle: true,
    platform: 'browser',
    format: 'esm',
    minify: true,
    metafile: true,
    write: false,
    logLevel: 'silent',
  });
  expect(warnings).toEqual([]);
  expect(Object.keys(metafile.inputs).filter((path) => path.includes('node_modules'))).toEqual([]);
  // Some 32 KB: far more would be something that does not belong there.
  expect(outputFiles[0]!.contents.length).toBeLessThan(40_000);
});
