import { failureOf, type CallFailure } from "./telegram.ts";

/** The set-up cannot go on. The message says what was found and what to do about it. */
export class SetupError extends Error {
  override readonly name = "SetupError";
}

/** What ends a set-up whatever it was doing: the token is dead, or somebody else holds the bot. */
function hopeless(failure: CallFailure): SetupError | undefined {
  if (failure.kind !== "refused") return undefined;
  const { code, description } = failure;
  if (code === 401 || code === 404) {
    return new SetupError(
      `Telegram does not accept this bot token (${code}). It was mistyped or revoked: ` +
        "ask BotFather for the token of the bot (/mybots, API Token) and start again.",
    );
  }
  if (code !== 409) return undefined;
  if (description.includes("webhook")) {
    return new SetupError(
      "Somebody has just set a webhook for this bot, so its updates go there (409). If nobody of yours did, " +
        "the token is stolen: revoke it with BotFather. Otherwise stop that program and start again.",
    );
  }
  return new SetupError(
    "Another program fetches the updates of this bot (409): a second set-up, a Flightdeck that runs already, or a " +
      "thief. Stop it and start again; if nobody of yours runs one, revoke the token with BotFather.",
  );
}

/** Lets a hopeless failure out, and hands back any other. */
export function failureOrThrow(error: unknown): CallFailure {
  const failure = failureOf(error);
  const end = hopeless(failure);
  if (end) throw end;
  return failure;
}
