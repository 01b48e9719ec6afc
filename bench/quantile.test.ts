import { describe, expect, test } from "vitest";

import { median, quantile } from "./quantile.ts";

describe("a quantile", () => {
  const hundred = Array.from({ length: 100 }, (_none, index) => 100 - index);

  test.each([
    { share: 0.5, value: 50 },
    { share: 0.99, value: 99 },
    { share: 1, value: 100 },
    { share: 0, value: 1 },
  ])("is a measured value: at $share of 1 to 100 it is $value", ({ share, value }) => {
    expect(quantile(hundred, share)).toBe(value);
  });

  test("orders numbers as numbers and leaves what it was given as it was", () => {
    const values = [10, 9, 100];
    expect(quantile(values, 1)).toBe(100);
    expect(values).toEqual([10, 9, 100]);
  });

  test("of nothing is an error and no number", () => {
    expect(() => quantile([], 0.5)).toThrow("no value was measured");
  });
});

describe("a median", () => {
  test.each([
    { values: [7], middle: 7 },
    { values: [9, 1, 5], middle: 5 },
    { values: [4, 1, 3, 2], middle: 2.5 },
  ])("of $values is $middle", ({ values, middle }) => {
    expect(median(values)).toBe(middle);
  });
});
