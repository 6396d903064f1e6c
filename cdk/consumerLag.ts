import { GROUP_LIMITS } from '../lib/group/limits.ts';
import { isName } from '../lib/group/names.ts';

/** By consumer group: how many records it may be behind, of all its partitions together. */
export type ConsumerLag = Readonly<Record<string, number>>;

const MAX_GROUPS = 50;
/** Of JSON: all that a function is told by its environment has 4 KB. */
const MAX_NAMES_BYTES = 2_500;
/** CloudWatch takes no other values of a dimension; most groups are called so. */
const DIMENSION = /^[!-9;-~][ -~]*$/;

/** In English, behind "must be". */
export const CONSUMER_LAG_FORM = `<group>:<records>, or several with , between, or {"<group>":<records>,…}; of ${MAX_GROUPS} groups at most, with names of printable ASCII that take ${MAX_NAMES_BYTES} bytes in all`;

export function isConsumerLag(lag: ConsumerLag): boolean {
  const groups = Object.keys(lag);
  return (
    groups.length > 0 &&
    groups.length <= MAX_GROUPS &&
    groups.every((group) => isName(group, GROUP_LIMITS) && DIMENSION.test(group)) &&
    Buffer.byteLength(JSON.stringify(groups)) <= MAX_NAMES_BYTES &&
    Object.values(lag).every((records) => Number.isSafeInteger(records) && records > 0)
  );
}

/** `undefined` for what is not of the form. A group's name may have colons, so the last one counts; one with commas takes the JSON. */
export function readConsumerLag(text: string): ConsumerLag | undefined {
  const lag = text.startsWith('{') ? parsed(text) : pairs(text);
  return lag && isConsumerLag(lag) ? lag : undefined;
}

function parsed(text: string): ConsumerLag | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function pairs(text: string): ConsumerLag | undefined {
  const found = text.split(',').map((pair) => /^(.+):(\d+)$/.exec(pair));
  const lag = Object.fromEntries(found.flatMap((each) => (each ? [[each[1]!, Number(each[2])]] : [])));
  // Neither one that is no pair, nor a group twice.
  return Object.keys(lag).length === found.length ? lag : undefined;
}
