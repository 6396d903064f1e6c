import type { SessionWindows } from '../../../lib/streams/windows/sessionWindows.ts';
import type { SlidingWindows } from '../../../lib/streams/windows/slidingWindows.ts';
import type { TimeWindows } from '../../../lib/streams/windows/timeWindows.ts';
import type { Input } from './run.ts';

/** What a table of windows is to be after all inputs, each window with its records' values in their order; and what has become final. */
export interface Expected {
  readonly table: ReadonlyMap<string, readonly string[]>;
  readonly final: ReadonlyMap<string, readonly string[]>;
  readonly dropped: number;
}

interface Interval {
  readonly key: string;
  readonly start: number;
  readonly end: number;
}

export const nameOf = ({ key, start, end }: Interval): string => `${JSON.stringify(key)} ${start}-${end}`;

/** Inputs, and the greatest time up to each. */
const observed = (inputs: readonly Input[]) =>
  inputs.map((input, i) => ({
    input,
    now: Math.max(...inputs.slice(0, i + 1).map(({ timestamp }) => timestamp)),
  }));

const lastOf = (inputs: readonly Input[]): number =>
  Math.max(-1, ...inputs.map(({ timestamp }) => timestamp));

function expected(
  windows: readonly { interval: Interval; values: readonly string[] }[],
  isFinal: (end: number) => boolean,
  dropped: number,
): Expected {
  const filled = windows.filter(({ values }) => values.length > 0);
  const named = (some: typeof filled) =>
    new Map(some.map(({ interval, values }) => [nameOf(interval), values]));
  return {
    table: named(filled),
    final: named(filled.filter(({ interval }) => isFinal(interval.end))),
    dropped,
  };
}

/** Each window that there can be, and in it whatever came while it was open. */
export function expectTimeWindows(
  inputs: readonly Input[],
  { sizeMs, advanceMs, graceMs }: TimeWindows,
): Expected {
  const all = observed(inputs);
  const last = lastOf(inputs);
  const windows = [];
  const taken = new Set<number>();
  for (const key of new Set(inputs.map((input) => input.key))) {
    for (let start = 0; start <= last; start += advanceMs) {
      const end = start + sizeMs;
      const values = all.flatMap(({ input, now }, i) => {
        const isIn = input.key === key && input.timestamp >= start && input.timestamp < end;
        if (!isIn || now >= end + graceMs) return [];
        taken.add(i);
        return [input.value];
      });
      windows.push({ interval: { key, start, end }, values });
    }
  }
  return expected(windows, (end) => last >= end + graceMs, inputs.length - taken.size);
}

/** KIP-450's windows of the records that were not dropped: exact as long as none of these was late for its left window. */
export function expectSlidingWindows(
  inputs: readonly Input[],
  { timeDifferenceMs: size, graceMs }: SlidingWindows,
): Expected {
  const taken = observed(inputs).filter(({ input, now }) => input.timestamp + size >= now - graceMs);
  const last = lastOf(inputs);
  const windows = new Map<string, { interval: Interval; values: readonly string[] }>();
  for (const { input } of taken) {
    const { key, timestamp } = input;
    for (const start of [Math.max(0, timestamp - size), timestamp + 1]) {
      const interval = { key, start, end: start + size };
      const values = taken.flatMap(({ input: other }) =>
        other.key === key && other.timestamp >= start && other.timestamp <= interval.end ? [other.value] : [],
      );
      windows.set(nameOf(interval), { interval, values });
    }
  }
  return expected([...windows.values()], (end) => end < last - graceMs, inputs.length - taken.length);
}

/** Without what is late for its left window, but not for its right one. */
export function withoutHalfLate(
  inputs: readonly Input[],
  { timeDifferenceMs, graceMs }: SlidingWindows,
): Input[] {
  const clear: Input[] = [];
  let now = -1;
  for (const input of inputs) {
    const next = Math.max(now, input.timestamp);
    const close = next - graceMs;
    if (input.timestamp < close && input.timestamp + timeDifferenceMs >= close) continue;
    clear.push(input);
    now = next;
  }
  return clear;
}

/** Records that are no further apart than the gap, found anew for each record: what is closed by then takes no more. */
export function expectSessions(
  inputs: readonly Input[],
  { inactivityGapMs, graceMs }: SessionWindows,
): Expected {
  const closed: { interval: Interval; values: readonly string[] }[] = [];
  let open: Input[] = [];
  let dropped = 0;
  const sessions = (records: readonly Input[]) => {
    const groups: Input[][] = [];
    for (const record of records.toSorted(
      (a, b) => Number(a.key > b.key) - Number(a.key < b.key) || a.timestamp - b.timestamp,
    )) {
      const last = groups.at(-1)?.at(-1);
      const isNext = last?.key === record.key && record.timestamp - last.timestamp <= inactivityGapMs;
      if (isNext) groups.at(-1)!.push(record);
      else groups.push([record]);
    }
    return groups.map((records) => ({
      records,
      interval: { key: records[0]!.key, start: records[0]!.timestamp, end: records.at(-1)!.timestamp },
      values: records.map(({ value }) => value),
    }));
  };
  for (const { input, now } of observed(inputs)) {
    const isClosed = ({ interval }: { interval: Interval }) => interval.end < now - graceMs - inactivityGapMs;
    const before = sessions(open);
    closed.push(...before.filter(isClosed));
    open = before.filter((session) => !isClosed(session)).flatMap(({ records }) => records);
    const own = sessions([...open, input]).find(({ records }) => records.includes(input))!;
    if (isClosed(own)) dropped++;
    else open.push(input);
  }
  const last = lastOf(inputs);
  return expected([...closed, ...sessions(open)], (end) => end < last - graceMs - inactivityGapMs, dropped);
}
