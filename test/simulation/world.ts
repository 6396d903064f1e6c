/** A run that takes more turns than this will never end. */
const MAX_TURNS = 400_000;

/**
 * Virtual time and the queue of what is to happen. One thing happens at a time, then all code that it set going runs
 * until it waits again; so the seed, which decides every delay, decides the order of everything.
 */
export interface World {
  /** True time in milliseconds, with a fraction that makes each moment differ; processes see it through clocks. */
  readonly nowMs: number;
  after(delayMs: number, happens: () => void): void;
  /** Lets time pass until `work` has ended and nothing is left to happen. Throws if it comes to a standstill before. */
  run<T>(work: Promise<T>): Promise<T>;
  /** Adds to what tells one run from another. */
  trace(...event: readonly (string | number)[]): void;
  /** The same for two runs in which the same happened in the same order. */
  readonly fingerprint: string;
}

interface Happening {
  readonly atMs: number;
  readonly happens: () => void;
}

export function createWorld(startMs: number, fraction: () => number, log?: (line: string) => void): World {
  const queue: Happening[] = [];
  let nowMs = startMs;
  let hash = 0x811c9dc5;

  function after(delayMs: number, happens: () => void): void {
    queue.push({ atMs: nowMs + delayMs + fraction() / 2, happens });
    siftUp(queue);
  }

  return {
    get nowMs() {
      return nowMs;
    },
    get fingerprint() {
      return (hash >>> 0).toString(16).padStart(8, '0');
    },
    after,
    async run(work) {
      let ended = false;
      const end = () => {
        ended = true;
      };
      work.then(end, end);
      await codeRests();
      for (let turns = 0; queue.length > 0; turns++) {
        if (turns > MAX_TURNS) throw new Error(`no end after ${MAX_TURNS} turns`);
        const { atMs, happens } = take(queue);
        nowMs = Math.max(nowMs, atMs);
        happens();
        await codeRests();
      }
      if (!ended) throw new Error('a client waits for something that will never happen');
      return work;
    },
    trace(...event) {
      const line = `${nowMs} ${event.join(' ')}`;
      for (let i = 0; i < line.length; i++) hash = Math.imul(hash ^ line.charCodeAt(i), 0x01000193);
      log?.(`${(nowMs - startMs).toFixed(1).padStart(9)}  ${event.join(' ')}`);
    },
  };
}

/** Promises run before the next macrotask, so when it comes, all code waits for something that is yet to happen. */
function codeRests(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function siftUp(heap: Happening[]): void {
  const moved = heap.at(-1)!;
  let at = heap.length - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (heap[parent]!.atMs <= moved.atMs) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = moved;
}

/** The earliest. */
function take(heap: Happening[]): Happening {
  const first = heap[0]!;
  const moved = heap.pop()!;
  if (heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1]!.atMs < heap[child]!.atMs) child++;
    if (moved.atMs <= heap[child]!.atMs) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = moved;
  return first;
}
