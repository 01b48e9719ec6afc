import { z } from "zod";

import { nearest } from "../core/nearest.ts";
import { parseRunName } from "../core/run-name.ts";
import { reportSchema } from "../jobs/preflight/preflight-verdict.ts";
import { stepsOf } from "../storage/run-step.ts";
import { findRun } from "../storage/run.ts";
import { defineCommand, type Answer, type CommandContext } from "./command.ts";

type Args = { readonly checks: readonly string[]; readonly failedOf: string | undefined };

export const preflight = defineCommand<Args>({
  name: "preflight",
  summary: "Ask every check afresh: GO, NO-GO or UNKNOWN",
  role: "operator",
  usage: "[check…] [--failed-of RUN]",
  effect: "read",
  flags: ["failed-of"],
  words: { atMost: 100 },
  understand(line, context) {
    const stranger = line.words.find((word) => !context.checks.includes(word));
    if (stranger !== undefined) {
      const meant = nearest(stranger, context.checks);
      const hint = meant === undefined ? "" : ` Did you mean ${meant}?`;
      return { ok: false, message: `There is no check "${stranger}".${hint}` };
    }
    const name = line.flags["failed-of"];
    const failedOf = name === undefined ? undefined : parseRunName(name);
    if (name !== undefined && failedOf === undefined) {
      return { ok: false, message: `"${name}" is not the name of a run, such as R-7.` };
    }
    if (failedOf !== undefined && line.words.length > 0) {
      return { ok: false, message: "Name checks, or a run with --failed-of, not both." };
    }
    return { ok: true, args: { checks: line.words, failedOf } };
  },
  async run(context, { checks, failedOf }) {
    if (failedOf !== undefined) return rerunFailed(context, failedOf);
    if (context.checks.length === 0) {
      return { kind: "refused", message: "No checks are configured, so nothing can be asked." };
    }
    const asked = checks.length > 0 ? [...new Set(checks)] : [...context.checks];
    return { kind: "run", admission: await context.start("preflight", { checks: asked }) };
  },
});

async function rerunFailed(context: CommandContext, runId: string): Promise<Answer> {
  const run = await findRun(context.tx, runId);
  if (run?.operation !== "preflight" || run.target !== context.target) {
    return { kind: "refused", message: "That run is no preflight of this target." };
  }
  const [step] = await stepsOf(context.tx, runId);
  const reports = z.array(reportSchema).safeParse(step?.result);
  if (!reports.success) {
    return { kind: "refused", message: "That preflight has no result, so nothing failed in it." };
  }
  const failed = reports.data
    .filter((report) => report.status === "fail" || report.status === "unknown")
    .map((report) => report.check)
    .filter((name) => context.checks.includes(name));
  if (failed.length === 0) return { kind: "refused", message: "Nothing failed in that preflight." };
  return { kind: "run", admission: await context.start("preflight", { checks: failed }) };
}
