/** One line that is written over on a terminal; now and then a line elsewhere. */
export function progressLine(): (line: string | undefined) => void {
  let shownAtMs = Date.now();
  return (line) => {
    if (process.stderr.isTTY) {
      process.stderr.write(`\r\x1b[K${line ?? ''}`);
    } else if (line !== undefined && Date.now() - shownAtMs > 10_000) {
      shownAtMs = Date.now();
      process.stderr.write(`${line}\n`);
    }
  };
}
