import { Command, InvalidArgumentError, Option } from 'commander';

/** A number unless given, what it is, and the least that it may be, 0 unless said; of several numbers, separated by commas; of words the first, which may be any of them. */
type Setting = readonly [
  standard: number | readonly number[] | readonly string[],
  what: string,
  least?: number,
];

type Values<Settings> = {
  readonly [Name in keyof Settings]: Settings[Name] extends readonly [number, string, number?]
    ? number
    : Settings[Name] extends readonly [readonly (infer Word extends string)[], string]
      ? Word
      : readonly number[];
};

/** The options of a benchmark, or of what `name` says with a colon (`drill:…`), `--value-bytes` as `valueBytes`. Ends the process with `--help`, or what is wrong in one line. */
export function benchOptions<const Settings extends Readonly<Record<string, Setting>>>(
  name: string,
  description: string,
  settings: Settings,
): Values<Settings> {
  const command = new Command(name.includes(':') ? name : `bench:${name}`).description(description);
  for (const [key, [standard, what, least]] of Object.entries(settings)) {
    const flag = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    command.addOption(optionOf(flag, standard, what, least));
  }
  return command.parse().opts() as Values<Settings>;
}

function optionOf(flag: string, standard: Setting[0], what: string, least = 0): Option {
  if (typeof standard === 'number')
    return new Option(`--${flag} <n>`, what).default(standard).argParser((text) => aNumber(text, least));
  const [first] = standard;
  if (typeof first === 'string')
    return new Option(`--${flag} <what>`, what).choices(standard as readonly string[]).default(first);
  return new Option(`--${flag} <n,n…>`, what).default(standard, standard.join(',')).argParser(numbers);
}

function aNumber(text: string, least = 0): number {
  if (/^\d+(\.\d+)?$/.test(text) && Number(text) >= least) return Number(text);
  throw new InvalidArgumentError(`It must be a number of at least ${least}.`);
}

const numbers = (text: string): number[] => text.split(',').map((each) => aNumber(each));
