/** The results in order, with up to `limit` under way at a time. The first to fail fails all; those under way end. */
export async function atOnce<T, R>(
  all: readonly T[],
  limit: number,
  work: (each: T) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(all.length);
  let next = 0;
  const run = async () => {
    while (next < all.length) {
      const i = next++;
      results[i] = await work(all[i]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, all.length) }, run));
  return results;
}
