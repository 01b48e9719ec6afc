import { addressedTo, line } from "../core/card.ts";
import { nearest } from "../core/nearest.ts";
import { runName } from "../core/run-name.ts";
import { ageWords, standingOfAge, type AgeStanding } from "../core/secret-age.ts";
import { agingSecrets } from "../jobs/rotation/rotations.ts";
import { awaitedSecrets, rotationAges } from "../storage/secret-rotation.ts";
import { defineCommand, type Answer, type CommandContext } from "./command.ts";
import { handOverParts } from "./rotate-guide-card.ts";
import { guided } from "./rotate-guide.ts";

type Asked =
  | { readonly kind: "ages" | "supply" }
  | { readonly kind: "guide"; readonly secret: string | undefined }
  | { readonly kind: "rotate"; readonly secret: string; readonly how?: "exposed" | "back" };

const BUTTONS = 6;

const TOO_MUCH =
  "Behind the name stands nothing, exposed or back. If that was a secret, delete your message and make another: everybody here has read it.";

export const rotate = defineCommand<Asked>({
  name: "rotate",
  summary: "Replace a secret by a new one, once somebody else has said yes; alone: how old each is",
  role: "operator",
  usage: "[guide|supply] [SECRET] [exposed|back]",
  effect: "mutate",
  // What is too much is refused below, in words that repeat none of it: it may be the very secret.
  words: { atMost: Infinity },
  understand({ words: [first, second, ...strays] }, { rotated }) {
    const tooMuch = { ok: false, message: TOO_MUCH } as const;
    // A value behind it would stand in the chat, so nothing is taken here; this only tells how.
    if (first === "supply") {
      return second === undefined ? { ok: true, args: { kind: "supply" } } : tooMuch;
    }
    const names = Object.keys(rotated);
    const secret = first === "guide" ? second : first;
    if (secret !== undefined && names.length > 0 && !names.includes(secret)) {
      const meant = nearest(secret, names);
      const hint =
        meant === undefined ? `There are: ${names.join(", ")}` : `Did you mean ${meant}?`;
      // What was typed may be a secret itself, so it is not repeated.
      return { ok: false, message: `There is no secret of this name. ${hint}` };
    }
    if (strays.length > 0) return tooMuch;
    if (first === "guide") return { ok: true, args: { kind: "guide", secret } };
    if (first === undefined) return { ok: true, args: { kind: "ages" } };
    if (second === undefined) return { ok: true, args: { kind: "rotate", secret: first } };
    return second === "exposed" || second === "back"
      ? { ok: true, args: { kind: "rotate", secret: first, how: second } }
      : tooMuch;
  },
  async run(context, asked) {
    if (!context.operations.includes("rotate")) {
      const message =
        "No secrets are configured. Put them below `secrets:` in the configuration; the sandbox's file shows how.";
      return { kind: "refused", message };
    }
    switch (asked.kind) {
      case "ages":
        return ages(context);
      case "supply":
        return waysToHandOver(context);
      case "guide":
        return guided(context, asked.secret, { kind: "show" });
      case "rotate": {
        const { secret, how } = asked;
        const input = { secret, ...(how === undefined ? {} : { [how]: true }) };
        return { kind: "run", admission: await context.start("rotate", input) };
      }
    }
  },
});

const MARKS: Readonly<Record<AgeStanding, string>> = {
  young: "✓",
  soon: "🟡",
  "too-old": "🔴",
  unknown: "🟡",
};

/** Every secret with its age, what was begun and left first, then as the configuration names them. */
async function ages({ tx, now, target, rotated }: CommandContext): Promise<Answer> {
  const known = await rotationAges(tx, target);
  const secrets = agingSecrets(rotated, known);
  const left = known.flatMap(({ secret, open }) => (open ? [{ secret, open }] : []));
  const standings = secrets.map((secret) => standingOfAge(secret, now));
  const due = standings.filter((standing) => standing !== "young").length;
  return {
    kind: "card",
    card: {
      title: `${due === 0 ? "🟢" : "🟡"} ${target} · secrets: ${due === 0 ? "all young" : `${due} of ${secrets.length} due, or of unknown age`}`,
      parts: [
        ...left.map(({ secret, open }) =>
          line(`⚠️ ${secret}: ${runName(open.runId)} has begun to rotate it and is not over`),
        ),
        ...secrets.map((secret, index) =>
          line(
            `${MARKS[standings[index] ?? "unknown"]} `,
            { bold: secret.name },
            ` · ${ageWords(secret, now)}`,
          ),
        ),
      ],
      actions: secrets
        .slice(0, BUTTONS)
        .map(({ name }) => [{ label: `Rotate ${name}`, command: `rotate ${name}` }]),
    },
  };
}

/** How the new one gets here that only a person can make: by a way on which nobody reads it. */
async function waysToHandOver(context: CommandContext): Promise<Answer> {
  const { tx, target, recipient } = context;
  const names = (await awaitedSecrets(tx, [target])).map(({ secret }) => secret);
  const [secret = "SECRET"] = names;
  return {
    kind: "card",
    card: addressedTo(target, {
      title:
        names.length === 0
          ? `⚪️ ${target} · no new secret is waited for`
          : `⏳ ${target} · waits for the new ${names.join(" and ")}`,
      parts: handOverParts({ secret, recipient: await recipient?.() }),
      actions: names
        .slice(0, BUTTONS)
        .map((name) => [{ label: `Guide to ${name}`, command: `rotate guide ${name}` }]),
    }),
  };
}
