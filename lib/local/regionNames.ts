const MAX_REGIONS = 8;

/** What is wrong with the names of a cluster's regions, which are folders too; `undefined` if they may be these. */
export function regionNamesProblem(names: readonly string[]): string | undefined {
  const wrong = names.find((name) => !/^[a-z0-9-]{1,63}$/.test(name));
  if (wrong !== undefined) return `'${wrong}' is no name of a region: a-z, 0-9 and -`;
  if (new Set(names).size < names.length) return 'a region is named twice';
  if (names.length > MAX_REGIONS) return `${names.length} regions are more than ${MAX_REGIONS}`;
  return names.length === 0 ? 'no region is named' : undefined;
}
