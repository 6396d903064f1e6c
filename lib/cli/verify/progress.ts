import type { Io } from '../io.ts';

const TTY_MS = 250;
const ELSE_MS = 2_000;

/** A line that changes in place for who watches a terminal, else one every few seconds; until the function it returns is called. */
export function showProgress({ stderr }: Io, line: () => string): () => void {
  const startedAtMs = performance.now();
  const timer = setInterval(
    () => {
      const text = `${Math.round((performance.now() - startedAtMs) / 1_000)} s: ${line()}`;
      stderr.write(stderr.isTTY ? `\r${text}\x1b[K` : `${text}\n`);
    },
    stderr.isTTY ? TTY_MS : ELSE_MS,
  );
  return () => {
    clearInterval(timer);
    if (stderr.isTTY) stderr.write('\r\x1b[K');
  };
}
