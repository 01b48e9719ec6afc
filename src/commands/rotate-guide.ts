import { addressedTo } from "../core/card.ts";
import { card, defineCommand, type Answer, type CommandContext } from "./command.ts";
import { wholeGuideCard } from "./rotate-guide-card.ts";
import { rotationGuides, type GuideStep } from "./rotate-guides.ts";

/** What somebody says to a guide: where he stands it shows him, or what he says of one step of it. */
export type GuideWord =
  | { readonly kind: "show" }
  | { readonly kind: "next" | "fails" | "stop"; readonly at: number };

/** Which guide is meant: to a secret of this kind. */
export type GuideName = {
  readonly target: string;
  readonly secret: string;
  readonly kind: string;
};

/** What was said to a guide, and for whom people seal secrets, which it tells them. */
export type GuideTurn = GuideName & {
  readonly recipient: string | undefined;
  readonly word: GuideWord;
};

/** Undefined where nobody has to be guided. */
export function guideSteps(kind: string, secret: string): readonly GuideStep[] | undefined {
  return rotationGuides[kind]?.(secret);
}

const WORDS = ["next", "fails", "stop"] as const;

/** What the buttons of a guide type. Which step they stand under they say themselves, so an old one does nothing. */
export const guide = defineCommand<{ readonly secret: string; readonly word: GuideWord }>({
  name: "guide",
  summary: "Go on in a guide, by its buttons",
  role: "operator",
  usage: "SECRET STEP next|fails|stop",
  effect: "read",
  listed: false,
  words: { atLeast: 3, atMost: 3 },
  understand({ words: [secret = "", step = "", said = ""] }) {
    const kind = WORDS.find((word) => word === said);
    if (kind === undefined || !/^[1-9]\d?$/.test(step)) {
      return {
        ok: false,
        message: "These are the words of a guide's buttons: /rotate guide SECRET",
      };
    }
    return { ok: true, args: { secret, word: { kind, at: Number(step) - 1 } } };
  },
  run: async (context, { secret, word }) => guided(context, secret, word),
});

/** The guide to one secret; without a name, or with one that needs no guide, those that there are. */
export async function guided(
  { target, rotated, handedOver, recipient }: CommandContext,
  secret: string | undefined,
  word: GuideWord,
): Promise<Answer> {
  const kindOf = (name: string): string =>
    (handedOver.includes(name) ? rotated[name]?.kind : undefined) ?? "";
  const kind = secret === undefined ? "" : kindOf(secret);
  const steps = secret === undefined ? undefined : guideSteps(kind, secret);
  if (secret !== undefined && steps) {
    const shared = { target, secret, recipient: await recipient?.() };
    const whole = wholeGuideCard({ ...shared, steps });
    return { kind: "guided", turn: { ...shared, kind, word }, whole };
  }
  const known = handedOver.filter((name) => guideSteps(kindOf(name), name));
  if (known.length === 0) {
    return card(
      `⚪️ ${target} · nobody has to be guided`,
      "No secret of it has to be made by a person: /rotate SECRET does it all.",
    );
  }
  const title =
    secret === undefined
      ? `🧭 ${target} · guide to which new secret?`
      : `⚪️ ${target} · nobody has to make ${secret} by hand: /rotate ${secret} does it all`;
  const actions = known.map((name) => [
    { label: `Guide to ${name}`, command: `rotate guide ${name}` },
  ]);
  return { kind: "card", card: addressedTo(target, { title, parts: [], actions }) };
}
