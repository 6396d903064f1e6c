/**
 * How many of `total` things each is to have, where some are `held`: counts that differ by one at most, and of those the ones
 * that leave most where they are. Nobody keeps more than `total / members` rounded down, but for as many as there are left
 * over, who keep one more: so no even division keeps more than
 *
 *   sum of min(held, quota) + min(extras, members that hold more than quota)
 *
 * and this one keeps that.
 */
export function evenShares(held: ArrayLike<number>, total: number): Int32Array {
  const quota = Math.floor(total / held.length);
  let extras = total % held.length;
  const shares = new Int32Array(held.length).fill(quota);
  for (const keeps of [true, false]) {
    for (let i = 0; i < held.length && extras > 0; i++) {
      if (held[i]! > quota !== keeps) continue;
      shares[i]!++;
      extras--;
    }
  }
  return shares;
}
