/** `npm run nemesis -- --seed N --minutes M`: everything goes wrong for so long; exits with 1 when a promise was broken. */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";

import { isSound, reportText } from "./report.ts";
import { runNemesis } from "./run.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    minutes: { type: "string", default: "5" },
    /** Where everything that was recorded is written to, for whoever looks for a cause. */
    keep: { type: "string" },
    quiet: { type: "boolean", default: false },
  },
});
const seed = Number(values.seed);
const lastsMs = Number(values.minutes) * 60_000;
if (!Number.isSafeInteger(seed) || !(lastsMs > 0)) {
  throw new Error("--seed takes a whole number, --minutes a number above 0.");
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

const report = await runNemesis({
  seed,
  lastsMs,
  ...(values.quiet
    ? {}
    : {
        onDone: ({ what, failure }) =>
          process.stderr.write(`${JSON.stringify(what)} ${failure ?? ""}\n`),
      }),
});
if (values.keep !== undefined) {
  await writeFile(`${values.keep}.json`, JSON.stringify(report.recorded, undefined, 1));
  await writeFile(`${values.keep}.log`, report.logs.join("\n\n"));
}
process.stdout.write(`${reportText(report)}\n`);
process.exitCode = isSound(report.findings) ? 0 : 1;
