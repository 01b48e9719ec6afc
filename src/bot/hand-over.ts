import type { Actor } from "../core/actor.ts";
import { plainCard, type Card } from "../core/card.ts";
import { sealCommand } from "../core/pasted-secret.ts";
import { Secret } from "../core/secret.ts";
import type { Supply } from "../jobs/rotation/rotation-supply.ts";
import type { Database } from "../storage/database.ts";
import { awaitedSecrets } from "../storage/secret-rotation.ts";
import { openArmored, recipientOf } from "../systems/age.ts";
import { SystemError } from "../systems/system-error.ts";

/** A sealed secret that somebody has pasted, and the targets of which he may rotate secrets. */
export type HandedOver = {
  readonly updateId: string;
  readonly sealed: string;
  readonly targets: readonly string[];
  readonly actor: Actor;
};

/** Takes sealed secrets out of private chats. It waits for the database, so it is asked first and recalled later. */
export type HandOver = {
  recipient(): Promise<string>;
  take(handed: HandedOver): Promise<void>;
  /** What became of it; undefined as long as nobody has taken it. */
  recall(updateId: string): Card | undefined;
};

export function createHandOver(parts: {
  readonly database: Database;
  readonly supplies: ReadonlyMap<string, Supply>;
  readonly identity: () => Promise<Secret>;
  readonly onError: (error: unknown, during: string) => void;
}): HandOver {
  const answers = new Map<string, Card>();
  return {
    recipient: async () => recipientOf(await parts.identity()),
    async take(handed) {
      const card = await taken(parts, handed).catch((error: unknown) => {
        parts.onError(error, "taking a sealed secret");
        return plainCard(
          "🔴 It could not be taken",
          "Flightdeck's own log says why. Paste it again.",
        );
      });
      answers.set(handed.updateId, card);
    },
    recall(updateId) {
      const card = answers.get(updateId);
      answers.delete(updateId);
      return card;
    },
  };
}

async function taken(
  { database, supplies, identity }: Parameters<typeof createHandOver>[0],
  { updateId, sealed, targets, actor }: HandedOver,
): Promise<Card> {
  const awaited = await database.transaction(async (tx) => awaitedSecrets(tx, targets));
  const [only, ...others] = awaited;
  if (only === undefined) {
    return plainCard(
      "Nothing waits for a secret",
      "Ask for its rotation first, such as /rotate todoist-token; what was pasted went nowhere.",
    );
  }
  if (others.length > 0) {
    const names = awaited.map(({ target, secret }) => `${secret} of ${target}`).join(", ");
    return plainCard(
      "Several secrets are waited for",
      `Nobody can tell which this is: ${names}. Hand it over at a terminal: flightdeck rotate supply SECRET`,
    );
  }
  const opened = await opening(sealed, await identity());
  if (opened === undefined) {
    return plainCard(
      "🔴 It cannot be opened",
      "It was sealed for somebody else, or is damaged. /rotate supply tells for whom to seal it.",
    );
  }
  const supply = supplies.get(only.target);
  if (!supply) throw new Error(`There is no configuration of ${only.target}.`);
  const value = new Secret(opened.trim());
  const cause = `tg-${updateId}`;
  const outcome = await supply({ secret: only.secret, value, actor, cause });
  if (outcome.kind === "not-awaited") return plainCard("It was not taken", outcome.message);
  const { run, fingerprint } = outcome;
  return plainCard(`🟢 ${run} has the new ${only.secret} and goes on`, `It is ${fingerprint}.`);
}

async function opening(sealed: string, identity: Secret): Promise<string | undefined> {
  try {
    return await openArmored(sealed, identity);
  } catch (error) {
    if (error instanceof SystemError && error.kind === "malformed") return undefined;
    throw error;
  }
}

/** The answer to a secret in the clear, which is deleted and used for nothing. */
export function pastedCard(
  rotated: readonly { readonly target: string; readonly secret: string }[],
  recipient: string,
  where: "private" | "group",
): Card {
  const isAddressed = new Set(rotated.map(({ target }) => target)).size > 1;
  const isPrivate = where === "private";
  const card = plainCard(
    // In a group only an administrator may delete what others say, and whether this bot is one is the group's to decide.
    `🚨 That looked like a secret: ${isPrivate ? "deleted and refused" : "refused, and deleted where I may"}`,
    "What was typed into a chat is known to Telegram and to every phone in it. It is compromised: it was used for nothing, and nobody should use it. Where you still see it, delete it.",
    `If it was one of these, rotate it now. A new one is handed over at a terminal (flightdeck rotate supply SECRET), or pasted ${isPrivate ? "here" : "to me in private"} once it is sealed:`,
  );
  return {
    ...card,
    parts: [...card.parts, { kind: "code", text: sealCommand(recipient) }],
    actions: rotated.slice(0, BUTTONS).map(({ target, secret }) => [
      {
        label: `Rotate ${secret}: exposed`,
        command: `rotate ${isAddressed ? `@${target} ` : ""}${secret} exposed`,
      },
    ]),
  };
}

const BUTTONS = 6;
