import { line } from "../core/card.ts";
import { nearest } from "../core/nearest.ts";
import type { PlannedStep } from "../jobs/smoke/flow-plan.ts";
import { defineCommand, type Answer, type CommandContext } from "./command.ts";

type Asked = { readonly flow: string | undefined; readonly isDryRun: boolean };

export const smoke = defineCommand<Asked>({
  name: "smoke",
  summary: "Use the target for real and prove that it works: GO, NO-GO or UNKNOWN",
  role: "operator",
  usage: "[FLOW] [--dry-run]",
  effect: "mutate",
  flags: ["dry-run"],
  words: { atMost: 1 },
  understand({ words: [word], flags }, { smoke: { flows } }) {
    const dryRun = flags["dry-run"];
    // A flag takes what stands behind it, which here can only be the flow.
    const flow = word ?? (dryRun === "" ? undefined : dryRun);
    if (word !== undefined && dryRun !== undefined && dryRun !== "") {
      return { ok: false, message: `"${dryRun}" is one word too many.` };
    }
    const names = Object.keys(flows);
    if (flow !== undefined && names.length > 0 && !names.includes(flow)) {
      const meant = nearest(flow, names);
      const hint =
        meant === undefined ? ` There is ${names.join(", ")}.` : ` Did you mean ${meant}?`;
      return { ok: false, message: `There is no flow "${flow}".${hint}` };
    }
    return { ok: true, args: { flow, isDryRun: dryRun !== undefined } };
  },
  async run(context, { flow = context.smoke.flow, isDryRun }) {
    const steps = flow === undefined ? undefined : context.smoke.flows[flow];
    if (flow === undefined || steps === undefined) {
      const message =
        "No smoke flow is configured. Put one below `smoke:` in the configuration; the sandbox's file shows how.";
      return { kind: "refused", message };
    }
    if (isDryRun) return dryRun(context, flow, steps);
    return { kind: "run", admission: await context.start("smoke", { flow }) };
  },
});

/** Calls nobody: it tells what would be done, in which order. */
function dryRun(context: CommandContext, flow: string, steps: readonly PlannedStep[]): Answer {
  const told = steps.map(({ name, does, isCleanup }, index) => {
    const when = isCleanup ? "at the end, " : "";
    return `${index + 1}. ${name}: ${when}${does}`;
  });
  return {
    kind: "card",
    card: {
      title: `${context.target} · smoke ${flow}, dry run`,
      parts: [line(`${steps.length} steps. Nothing was called.`), { kind: "folded", lines: told }],
      actions: [[{ label: "Run it", command: `smoke ${flow}`, style: "primary" }]],
    },
  };
}
