import { mayActAs } from "../core/operator.ts";
import { scrub } from "../core/redaction.ts";
import { shortened, visibleText } from "../core/visible-text.ts";
import { ruleActor } from "../jobs/rollback/rollback-triggers.ts";
import { defineCommand, type Answer, type CommandContext } from "./command.ts";
import { ruleAsking } from "./rollback-rule.ts";

type Asked = {
  readonly to: string | undefined;
  readonly why: string | undefined;
  readonly breakGlass: boolean;
  /** A rule of the configuration that asks for it, or the alert because of which it does. */
  readonly rule: string | undefined;
};

const HASH = /^[0-9a-f]{4,64}$/;
/** Whoever acts alone at night writes a sentence that somebody can judge in the morning. */
const REASON_LEAST = 15;
const REASON_LIMIT = 300;

export const rollback = defineCommand<Asked>({
  name: "rollback",
  summary: "Go back to an earlier release, once somebody else has said yes",
  role: "operator",
  usage: '[COMMIT] [--why "…"] [--rule RULE|ALERT] [--break-glass "why nobody else can be asked"]',
  effect: "mutate",
  flags: ["why", "rule", "break-glass"],
  words: { atMost: 1 },
  understand({ words: [word], flags }) {
    const to = word?.toLowerCase();
    if (to !== undefined && !HASH.test(to)) {
      const message = `"${word}" is no beginning of a commit's hash; expected 4 digits of it at least, such as 5c1f0b7.`;
      return { ok: false, message };
    }
    const { why, rule, "break-glass": alone } = flags;
    if (rule !== undefined && (rule === "" || why !== undefined || alone !== undefined)) {
      const message =
        "A rule has a name, and asks for reasons of its own: --rule ready-keeps-failing";
      return { ok: false, message };
    }
    if (why === "")
      return { ok: false, message: 'Why? Put it in quotes: --why "captures answer 500".' };
    if (alone === undefined) {
      return { ok: true, args: { to, why: why && fit(why), breakGlass: false, rule } };
    }
    if (alone.trim().length < REASON_LEAST) {
      const message = `Whoever acts alone says why, in ${REASON_LEAST} characters at least: --break-glass "Otto does not answer, captures are lost".`;
      return { ok: false, message };
    }
    const reason = why === undefined ? alone : `${alone} · ${why}`;
    return { ok: true, args: { to, why: fit(reason), breakGlass: true, rule } };
  },
  async run(context, { to, why, breakGlass, rule }) {
    if (!context.operations.includes("rollback")) {
      const message =
        "No rollout is configured. Put `rollout:` into the configuration; the sandbox's file shows how.";
      return { kind: "refused", message };
    }
    if (rule !== undefined) {
      const asking = await ruleAsking(context, rule, to);
      if (!asking.ok) return { kind: "refused", message: asking.message };
      const actor = ruleActor(asking.args.rule);
      return { kind: "run", admission: await context.start("rollback", asking.args, actor) };
    }
    const refusal = breakGlass ? whyNotAlone(context) : undefined;
    if (refusal) return refusal;
    // Without a release and in no hurry there is something to choose from; alone at night there is the last good one.
    if (to === undefined && !breakGlass) {
      return { kind: "run", admission: await context.start("releases", {}) };
    }
    const input = {
      ...(to === undefined ? {} : { to }),
      ...(why === undefined ? {} : { why }),
      ...(breakGlass ? { breakGlass } : {}),
    };
    return { kind: "run", admission: await context.start("rollback", input) };
  },
});

function whyNotAlone({ actor }: CommandContext): Answer | undefined {
  if (actor.via !== "flightdeck" && mayActAs(actor.role, "approver")) return undefined;
  const message =
    "Only an approver may break the glass. Without it somebody else is asked, at once: /rollback";
  return { kind: "refused", message };
}

function fit(text: string): string {
  return shortened(visibleText(scrub(text.trim())), REASON_LIMIT);
}
