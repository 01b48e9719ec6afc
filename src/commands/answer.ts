import { ANSWER_COMMAND } from "../core/approval-token.ts";
import { defineCommand } from "./command.ts";

/** What the buttons under a question type. What it says and to what, only the token knows, which nobody can make up. */
export const answer = defineCommand<{ readonly token: string }>({
  name: ANSWER_COMMAND,
  summary: "Answer a question, by its buttons",
  role: "operator",
  usage: "TOKEN",
  effect: "mutate",
  listed: false,
  words: { atLeast: 1, atMost: 1 },
  understand: ({ words: [token = ""] }) => ({ ok: true, args: { token } }),
  async run({ tx, now, engine, actor, cause, tap }, { token }) {
    if (!tap || actor.via === "flightdeck") {
      return { kind: "refused", message: "A question is answered by the buttons of its card." };
    }
    return engine.hear(tx, now, { by: "tap", voter: actor, cause, token, tap });
  },
});
