/** The value that the given share of all values does not exceed, by nearest rank: always one that was measured. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined)
    throw new Error("There is no quantile of nothing: no value was measured.");
  return value;
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const fromBelow = quantile(values, 0.5);
  const fromAbove = -quantile(
    values.map((value) => -value),
    0.5,
  );
  return (fromBelow + fromAbove) / 2;
}
