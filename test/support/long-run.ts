/** Whether this is `npm run test:long`, in which tests by numbers take the large ones. */
const isLongRun = process.env["LONG"] === "1";

/** How many of something a test tries: few enough for everybody's `npm test`, or as many as prove it. */
export function tries(amount: { readonly short: number; readonly long: number }): number {
  return isLongRun ? amount.long : amount.short;
}
