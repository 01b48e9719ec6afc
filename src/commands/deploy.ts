import { GATES, type GateName, type Override } from "../core/deploy-gate.ts";
import { nearest } from "../core/nearest.ts";
import { COMMIT_PREFIX } from "../jobs/deploy/deploy-source.ts";
import { defineCommand, type CommandContext, type Understood } from "./command.ts";

type Args = { readonly commit: string | undefined; readonly overrides: readonly Override[] };

/** Long enough to be a reason, which somebody will read who was not there. */
const SHORTEST_REASON = 10;
const LONGEST_REASON = 300;

export const deploy = defineCommand<Args>({
  name: "deploy",
  summary: "Deploy the branch's head, or a commit: gates, API, schema, worker, proofs, sign-off",
  role: "operator",
  usage: '[COMMIT] [--override GATE[,GATE] --because "REASON"]',
  effect: "mutate",
  flags: ["override", "because"],
  words: { atMost: 1 },
  understand({ words: [word], flags }, context) {
    const commit = word?.toLowerCase();
    if (commit !== undefined && !COMMIT_PREFIX.test(commit)) {
      const message = `"${word}" is no commit; expected 7 to 40 digits of its hash, such as 9e107d9.`;
      return { ok: false, message };
    }
    const overrides = overridesIn(flags, context);
    return overrides.ok ? { ok: true, args: { commit, overrides: overrides.args } } : overrides;
  },
  async run(context, { commit, overrides }) {
    if (!context.operations.includes("deploy")) {
      const message =
        "No rollout is configured. Put `rollout:` and `systems.coolify` into the configuration; the sandbox's file shows how.";
      return { kind: "refused", message };
    }
    const input = { ...(commit === undefined ? {} : { commit }), overrides };
    return { kind: "run", admission: await context.start("deploy", input) };
  },
});

/** A gate is passed by an approver alone, by its name, and for a reason. */
function overridesIn(
  flags: Readonly<Record<string, string>>,
  { actor }: CommandContext,
): Understood<readonly Override[]> {
  const { override, because } = flags;
  if (override === undefined && because === undefined) return { ok: true, args: [] };
  if (override === undefined || override === "") {
    return refused(`Which gate? There is ${GATES.join(", ")}.`);
  }
  if (actor.via === "flightdeck" || actor.role !== "approver") {
    return refused("Only an approver may pass a gate that is shut.");
  }
  const names = override.split(",");
  const stranger = names.find((name) => !isGate(name));
  if (stranger !== undefined) {
    const meant = nearest(stranger, GATES);
    const hint = meant === undefined ? `There is ${GATES.join(", ")}.` : `Did you mean ${meant}?`;
    return refused(`There is no gate "${stranger}". ${hint}`);
  }
  const reason = because?.trim() ?? "";
  if (reason.length < SHORTEST_REASON || reason.length > LONGEST_REASON) {
    return refused(
      `Why? Put --because "…" behind it, with ${SHORTEST_REASON} to ${LONGEST_REASON} characters; it is recorded.`,
    );
  }
  const gates = [...new Set(names.filter(isGate))];
  return { ok: true, args: gates.map((gate) => ({ gate, because: reason })) };
}

function isGate(name: string): name is GateName {
  return (GATES as readonly string[]).includes(name);
}

function refused(message: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message };
}
