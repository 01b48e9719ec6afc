import * as fc from "fast-check";

/** Whether this is `npm run test:long`, in which tests by numbers take the large ones. */
const isLongRun = process.env["LONG"] === "1";

/** How many of something a test tries: few enough for everybody's `npm test`, or as many as prove it. */
export function tries(amount: { readonly short: number; readonly long: number }): number {
  return isLongRun ? amount.long : amount.short;
}

/** Some of these for everybody's run, chosen by FC_SEED; all of them, in their order, in the long run. */
export function someOf<Case>(all: readonly Case[], short: number): readonly Case[] {
  if (isLongRun || short >= all.length) return all;
  const chosen = fc.shuffledSubarray([...all.keys()], { minLength: short, maxLength: short });
  const [indexes = []] = fc.sample(chosen, 1);
  return all.filter((_, index) => indexes.includes(index));
}
