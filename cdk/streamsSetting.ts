import type { StreamsApplicationOptions } from './streamsApplication.ts';

/** By the path of its module. */
export type StreamsApplications = Readonly<Record<string, Omit<StreamsApplicationOptions, 'environment'>>>;

/** From and to, whole numbers. */
const BOUNDS: Readonly<Record<string, readonly [number, number]>> = {
  everyMinutes: [1, 60],
  memoryMb: [128, 10_240],
  timeoutSeconds: [60, 900],
  maxWorkers: [1, 1_000],
  alarmLag: [1, 1_000_000_000_000],
};

/** In English, behind "must be". */
export const STREAMS_FORM = `a path of a module, or several with , between, or {"<path>":{…},…} with ${Object.entries(
  BOUNDS,
)
  .map(([name, [from, to]]) => `${name} from ${from} to ${to}`)
  .join(', ')}`;

/** `undefined` for what is not of the form. */
export function readStreams(text: string): StreamsApplications | undefined {
  const given = text.startsWith('{') ? parsed(text) : paths(text);
  return given && Object.values(given).every(areOptions) ? given : undefined;
}

function areOptions(options: unknown): boolean {
  if (typeof options !== 'object' || options === null) return false;
  return Object.entries(options).every(([name, value]) => {
    const [from, to] = BOUNDS[name] ?? [1, 0];
    return Number.isInteger(value) && value >= from && value <= to;
  });
}

function parsed(text: string): StreamsApplications | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function paths(text: string): StreamsApplications | undefined {
  const all = text.split(',');
  return all.every((path) => path !== '') ? Object.fromEntries(all.map((path) => [path, {}])) : undefined;
}
