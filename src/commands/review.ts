import { line } from "../core/card.ts";
import { age } from "../core/moment.ts";
import { scrub } from "../core/redaction.ts";
import { parseRunName, runName } from "../core/run-name.ts";
import { shortened, visibleText } from "../core/visible-text.ts";
import { findReview, giveReview, openReviews, type Review } from "../storage/review.ts";
import { card, defineCommand, type Answer, type CommandContext } from "./command.ts";

type Asked = { readonly runId: string; readonly words: string } | undefined;

/** Less than a sentence says nothing of what was looked at. */
const WORDS_LEAST = 10;
const WORDS_LIMIT = 600;

export const review = defineCommand<Asked>({
  name: "review",
  summary: "Say what you found when you looked at what somebody did alone",
  role: "operator",
  usage: '[RUN "what you found"]',
  effect: "mutate",
  words: { atMost: 2 },
  understand({ words: [name, words] }) {
    if (name === undefined) return { ok: true, args: undefined };
    const runId = parseRunName(name);
    if (runId === undefined) {
      return { ok: false, message: `"${name}" is not the name of a run, such as R-7.` };
    }
    const said = words?.trim() ?? "";
    if (said.length < WORDS_LEAST) {
      const message = `What did you find? Say it in ${WORDS_LEAST} characters at least, in quotes.`;
      return { ok: false, message };
    }
    return { ok: true, args: { runId, words: shortened(visibleText(scrub(said)), WORDS_LIMIT) } };
  },
  run: async (context, asked) =>
    asked === undefined ? list(context) : give(context, asked.runId, asked.words),
});

async function list({ tx, now, target }: CommandContext): Promise<Answer> {
  const open = await openReviews(tx, target);
  if (open.length === 0) return card(`${target} · no review is owed`);
  return {
    kind: "card",
    card: {
      title: `🚨 ${target} · ${open.length === 1 ? "1 review is" : `${open.length} reviews are`} owed`,
      parts: open
        .slice(0, 8)
        .map(({ runId, actedBy, reason, askedAt }) =>
          line({ bold: runName(runId) }, ` · ${actedBy.name} ${age(askedAt, now)}: ${reason}`),
        ),
      actions: open
        .slice(0, 4)
        .map(({ runId }) => [
          { label: `Details of ${runName(runId)}`, command: `runs ${runName(runId)}` },
        ]),
    },
  };
}

async function give(context: CommandContext, runId: string, words: string): Promise<Answer> {
  const { tx, now, target, actor } = context;
  const name = runName(runId);
  const found = await findReview(tx, runId);
  if (found?.target !== target) {
    return {
      kind: "refused",
      message: `No review of ${name} is owed here. /review shows which are.`,
    };
  }
  if (found.given) {
    const { by, words: said } = found.given;
    return { kind: "refused", message: `${by.name} has reviewed ${name}: ${said}` };
  }
  const refusal = whyNotBy(context, found);
  if (refusal !== undefined) return { kind: "refused", message: refusal };
  await giveReview(tx, now, { runId, by: actor, words });
  await context.record({
    kind: "review.given",
    result: "reviewed",
    facts: { run: name, words, "acted-by": found.actedBy.name },
  });
  return card(
    `✓ ${target} · ${name} is reviewed by ${actor.name}`,
    `${found.actedBy.name} acted alone: ${found.reason}`,
    `Found: ${words}`,
  );
}

/** Somebody else looks; who has the machine could change anything anyway, and leaves a name at it. */
function whyNotBy({ actor }: CommandContext, { actedBy }: Review): string | undefined {
  if (actor.via === "cli") return undefined;
  if (actor.via === "flightdeck") return "A review is given by a person.";
  if (actedBy.via === "flightdeck" || actedBy.telegram !== actor.telegram) return undefined;
  return "You acted alone, so somebody else looks at it.";
}
