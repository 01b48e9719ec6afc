import { line } from "../core/card.ts";
import { nearest } from "../core/nearest.ts";
import { sealCommand } from "../core/pasted-secret.ts";
import { runName } from "../core/run-name.ts";
import { ageWords, standingOfAge, type AgeStanding } from "../core/secret-age.ts";
import { agingSecrets } from "../jobs/rotations.ts";
import { awaitedSecrets, rotationAges } from "../storage/secret-rotation.ts";
import { defineCommand, type Answer, type CommandContext } from "./command.ts";

type Asked = {
  readonly secret: string | undefined;
  readonly how: "exposed" | "back" | undefined;
};

const BUTTONS = 6;
/** A value behind it would stand in the chat, so nothing is taken here; this only tells how. */
const SUPPLY = "supply";

const TOO_MUCH =
  "Behind the name stands nothing, exposed or back. If that was a secret, delete your message and make another: everybody here has read it.";

export const rotate = defineCommand<Asked>({
  name: "rotate",
  summary: "Replace a secret by a new one, once somebody else has said yes; alone: how old each is",
  role: "operator",
  usage: "[SECRET] [exposed|back]",
  effect: "mutate",
  // What is too much is refused below, in words that repeat none of it: it may be the very secret.
  words: { atMost: Infinity },
  understand({ words: [secret, how, ...strays] }, { rotated }) {
    const names = Object.keys(rotated);
    if (secret !== undefined && secret !== SUPPLY && names.length > 0 && !names.includes(secret)) {
      const meant = nearest(secret, names);
      const hint =
        meant === undefined ? `There are: ${names.join(", ")}` : `Did you mean ${meant}?`;
      // What was typed may be a secret itself, so it is not repeated.
      return { ok: false, message: `There is no secret of this name. ${hint}` };
    }
    const isHow = how === undefined || how === "exposed" || how === "back";
    if (isHow && strays.length === 0 && (secret !== SUPPLY || how === undefined)) {
      return { ok: true, args: { secret, how } };
    }
    return { ok: false, message: TOO_MUCH };
  },
  async run(context, { secret, how }) {
    if (!context.operations.includes("rotate")) {
      const message =
        "No secrets are configured. Put them below `secrets:` in the configuration; the sandbox's file shows how.";
      return { kind: "refused", message };
    }
    if (secret === undefined) return ages(context);
    if (secret === SUPPLY) return guide(context);
    const input = { secret, ...(how === undefined ? {} : { [how]: true }) };
    return { kind: "run", admission: await context.start("rotate", input) };
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
async function guide({ tx, target, recipient }: CommandContext): Promise<Answer> {
  const awaited = await awaitedSecrets(tx, [target]);
  const names = awaited.map(({ secret }) => secret);
  const [first = "SECRET"] = names;
  const seal = recipient && sealCommand(await recipient());
  return {
    kind: "card",
    card: {
      title:
        names.length === 0
          ? `⚪️ ${target} · no new secret is waited for`
          : `⏳ ${target} · waits for the new ${names.join(" and ")}`,
      parts: [
        line("Never type a secret into a chat: it would be deleted, refused, and compromised."),
        line("At a terminal, unseen: ", { code: `flightdeck rotate supply ${first}` }),
        ...(seal === undefined
          ? []
          : [
              line("Or sealed, pasted to me in private. Type the secret, Enter, Ctrl-D:"),
              { kind: "code" as const, text: seal },
            ]),
      ],
      actions: [],
    },
  };
}
