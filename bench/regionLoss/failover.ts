/**
 * For the client's `fetch`: to the first of the fronts, until one gives no answer; then to the next, and round. `query` is added to
 * what is posted.
 */
export function failover(
  fronts: readonly string[],
  query: Readonly<Record<string, string>> = {},
): typeof globalThis.fetch {
  let at = 0;
  return async (asked, init) => {
    const front = fronts[at]!;
    const { pathname, search } = new URL(String(asked));
    const url = new URL(pathname + search, front);
    if (init?.method === 'POST') for (const entry of Object.entries(query)) url.searchParams.set(...entry);
    try {
      return await globalThis.fetch(url, init);
    } catch (error) {
      if (front === fronts[at]) at = (at + 1) % fronts.length;
      throw error;
    }
  };
}
