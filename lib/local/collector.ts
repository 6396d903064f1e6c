/** A body from here on is a memory block of its own, which V8 counts but does not see as young garbage. */
const LARGE_BYTES = 64 * 1024;
/** Blocks of so many bytes are let go together. */
const COLLECT_EVERY_BYTES = 4 * 1024 * 1024;

/**
 * To be told of bodies that came and went. Large ones fill the memory outside of V8's heap long before its young
 * generation is full, so V8 would collect the whole heap for them, ten times a second at 100 MB/s, at a third of all
 * time. A collection of the young generation is enough and takes a millisecond. Does nothing without `--expose-gc`.
 */
export function createCollector(): (bytes: number) => void {
  const { gc } = globalThis;
  let gone = 0;
  return (bytes) => {
    if (gc === undefined || bytes < LARGE_BYTES) return;
    gone += bytes;
    if (gone < COLLECT_EVERY_BYTES) return;
    gone = 0;
    gc({ type: 'minor' });
  };
}
