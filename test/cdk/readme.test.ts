import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Synthesis, synthesize } from './support.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');

/** What the operator is told to do, word by word. */
const COMMANDS = [
  ...new Set(
    ['README.md', 'cdk/README.md'].flatMap((file) =>
      [...readFileSync(join(ROOT, file), 'utf8').matchAll(/npx cdk ([^`#;\n]+)/g)].map(([, rest]) =>
        rest!.trim(),
      ),
    ),
  ),
];

/** The stacks that a command names, as patterns; none with `--all`. */
function patternsOf(command: string): string[] {
  const words = command.match(/'[^']*'|"[^"]*"|\S+/g)!.map((word) => word.replace(/^['"]|['"]$/g, ''));
  return words.slice(1).filter((word, i) => !word.startsWith('-') && words[i] !== '-c');
}

const ofStacks = COMMANDS.filter((command) => /^(deploy|destroy|diff) /.test(command));
const named = ofStacks.filter((command) => patternsOf(command).length > 0);
const everywhere = named.filter((command) => !command.includes('<region>'));
const inOneRegion = named.filter((command) => command.includes('<region>'));

test('what is given for one deployment is what only one should have: the next takes it away', () => {
  const given = COMMANDS.flatMap((command) => [...command.matchAll(/-c (\w+)=/g)].map(([, key]) => key));
  expect([...new Set(given)]).toEqual(['stopped']);
});

test('there are commands to be checked, and each says which stacks it means', () => {
  expect(everywhere.some((command) => command.startsWith('destroy'))).toBe(true);
  expect(inOneRegion).not.toEqual([]);
  for (const command of ofStacks) {
    expect([command, command.includes('--all') || patternsOf(command).length > 0]).toEqual([command, true]);
  }
});

describe.each([[[]], [['eu-central-1']], [['us-east-1', 'us-east-2', 'us-west-2']]])(
  'with the regions %j',
  (regions) => {
    let synthesis: Synthesis;
    beforeAll(async () => {
      const context = regions.length > 0 ? { regions: regions.join() } : {};
      synthesis = await synthesize({ bundle: false, context });
    });
    afterAll(() => synthesis?.remove());

    /** What the CDK's command line finds, with the stacks that these depend on. */
    async function selected(patterns: readonly string[]): Promise<string[]> {
      const cdk = join(ROOT, 'node_modules/aws-cdk/bin/cdk');
      const { stdout } = await run(process.execPath, [cdk, 'list', '--app', synthesis.folder, ...patterns], {
        cwd: ROOT,
        env: { ...process.env, CDK_DISABLE_CLI_TELEMETRY: 'true' },
      });
      return stdout.split('\n').flatMap((line) => line.split(' ')[0] || []);
    }

    const kindOf = (patterns: readonly string[]) =>
      patterns.some((pattern) => pattern.startsWith('WadiStorage')) ? 'WadiStorage' : 'Wadi';

    test.each(everywhere)('%s is about the stacks of every region', async (command) => {
      const patterns = patternsOf(command);
      const kind = kindOf(patterns);
      const expected = regions.length > 0 ? regions.map((region) => `${kind}-${region}`) : [kind];
      expect(await selected(patterns)).toEqual(expect.arrayContaining(expected));
    });

    if (regions.length === 0) return;
    test.each(inOneRegion)('%s is about the stack of that region', async (command) => {
      const [region = ''] = regions;
      const patterns = patternsOf(command).map((pattern) => pattern.replace('<region>', region));
      expect(await selected(patterns)).toContain(`${kindOf(patterns)}-${region}`);
    });
  },
);
