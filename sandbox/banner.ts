import { join } from "node:path";
import { styleText } from "node:util";

const bold = (text: string): string => styleText("bold", text);
const dim = (text: string): string => styleText("dim", text);

const USUAL_STEPS = `  Try, as ${bold("Otto")}, the operator:
    ${bold("/preflight")}   a live card, then ${styleText("green", "GO")}
    ${dim("in World:")} ${bold("The xAI key is revoked")}, and ${bold("/preflight")} again: ${styleText("red", "NO-GO")}, by name
    ${dim("in World:")} ${bold("The API hangs")}: ${styleText("yellow", "UNKNOWN")}, in time
    ${dim("in World:")} ${bold("A release was pushed whose API answers 500")}: an alert offers ${bold("Roll back")}; ask as ${bold("Otto")}, approve as ${bold("Ada")}
    ${bold("/evidence")}    what was recorded of it all

  The same in another terminal:
    ${bold("npm run -s sandbox:cli -- preflight")}`;

const FIRST_STEPS = `  Production is empty: nothing was ever deployed. In another terminal:
    ${bold("npm run -s sandbox:cli -- secrets init")}   ${dim("what it asks for stands in data/sandbox.env")}
  Then, as ${bold("Otto")}, the operator:
    ${bold("/checklist rollout")}   from the first line to the last`;

/** What whoever starts the sandbox reads: where it is, and what to try first. */
export function banner(sandbox: {
  readonly url: string;
  readonly dataDirectory: string;
  /** Whether production was never deployed. */
  readonly empty: boolean;
}): string {
  return `
  ${bold("Flightdeck sandbox")}   ${dim("a world to try it in; nothing here is real")}

  The ops group   ${styleText(["bold", "cyan"], sandbox.url)}
  ${dim("Running         the bot · Telegram · the product on Postgres and Redis · xAI")}
  ${dim(`The bot's log   ${join(sandbox.dataDirectory, "bot.log")}`)}

${sandbox.empty ? FIRST_STEPS : USUAL_STEPS}

  ${dim("Ctrl-C stops everything.")}
`;
}
