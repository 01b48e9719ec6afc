import { parseArgs } from "node:util";

import type { Bench, Comparison, Conditions } from "./bench.ts";
import { benches } from "./index.ts";
import { describeMachine } from "./machine.ts";
import { summarize, type Summary } from "./summary.ts";
import { markdownTable, textTable } from "./table.ts";

const USAGE = `npm run bench [-- NAME… --rounds N --json --markdown]

${benches.map(({ name, summary }) => `  ${name.padEnd(22)} ${summary}`).join("\n")}
`;

const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => stopping.abort(new Error(`stopped by ${signal}`)));
}

const order = understand(process.argv.slice(2));
if (order.kind === "refused") {
  console.error(`${order.message}\n\n${USAGE}`);
  process.exitCode = 3;
} else {
  await run(order).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  });
}

type Order = {
  readonly kind: "order";
  readonly chosen: readonly Bench[];
  /** Each bench's own number unless given. */
  readonly rounds: number | undefined;
  readonly format: "text" | "json" | "markdown";
};

function understand(args: readonly string[]): Order | { kind: "refused"; message: string } {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        rounds: { type: "string" },
        json: { type: "boolean", default: false },
        markdown: { type: "boolean", default: false },
      },
    });
    const stranger = positionals.find((name) => !benches.some((bench) => bench.name === name));
    if (stranger !== undefined) {
      return { kind: "refused", message: `There is no bench "${stranger}".` };
    }
    const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
    if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) {
      return { kind: "refused", message: `--rounds is "${values.rounds}"; give a whole number.` };
    }
    return {
      kind: "order",
      chosen: benches.filter(({ name }) => positionals.length === 0 || positionals.includes(name)),
      rounds,
      format: values.json ? "json" : values.markdown ? "markdown" : "text",
    };
  } catch (error) {
    return { kind: "refused", message: error instanceof Error ? error.message : String(error) };
  }
}

/** What one bench cannot measure must not take from the others what they have measured. */
async function measured(bench: Bench, conditions: Conditions): Promise<readonly Comparison[]> {
  try {
    return await bench.measure(conditions);
  } catch (error) {
    if (conditions.signal.aborted) throw error;
    console.error(`${bench.name} could not be measured: ${String(error)}`);
    process.exitCode = 1;
    return [];
  }
}

/** One bench after the other, never two at once. A goal that is missed is told and is no failure. */
async function run({ chosen, rounds, format }: Order): Promise<void> {
  const machine = describeMachine();
  const summaries: Summary[] = [];
  const results: object[] = [];
  for (const bench of chosen) {
    const conditions = { rounds: rounds ?? bench.usualRounds, signal: stopping.signal };
    console.error(`${bench.name}: ${bench.summary}; ${conditions.rounds} rounds …`);
    for (const comparison of await measured(bench, conditions)) {
      const summary = summarize(comparison);
      summaries.push(summary);
      results.push({ bench: bench.name, ...summary, rounds: comparison.rounds });
    }
  }
  switch (format) {
    case "json":
      return console.log(JSON.stringify({ machine, results }, undefined, 2));
    case "markdown":
      return console.log(`${markdownTable(summaries)}\n\nOn ${machine}.`);
    case "text":
      return console.log(`\n${textTable(summaries)}\n\nMedians over the rounds, on ${machine}.`);
  }
}
