import { addressedTo, line, type Card, type CardPart } from "../core/card.ts";
import { sealCommand } from "../core/pasted-secret.ts";
import type { GuideStep } from "./rotate-guides.ts";

/** How one hands over a secret: at a terminal, or sealed for this recipient. */
export type WaysToHandOver = { readonly secret: string; readonly recipient: string | undefined };

/** Where somebody is in a guide, and what of it he sees. */
export type GuideView =
  | {
      readonly kind: "step";
      readonly at: number;
      /** Whether he asked what to do if it fails. */
      readonly fails?: true;
      /** He said that it is done, and it cannot be seen. */
      readonly notYet?: true;
    }
  | { readonly kind: "stopped"; readonly at: number }
  | { readonly kind: "over" };

type GuideParts = WaysToHandOver & {
  readonly target: string;
  readonly steps: readonly GuideStep[];
};

export function guideCard(parts: GuideParts, view: GuideView): Card {
  const { target, secret, steps } = parts;
  const name = `${target} · guide to a new ${secret}`;
  if (view.kind === "over") {
    const rest = line("The card of the rotation in the group says how it ends.");
    return { title: `🏁 ${name}: you are through`, parts: [rest], actions: [] };
  }
  const step = steps[view.at];
  if (!step) throw new Error(`The guide to ${secret} has no step ${view.at + 1}.`);
  const place = `step ${view.at + 1} of ${steps.length}`;
  if (view.kind === "stopped") {
    return {
      title: `⚪️ ${name}: stopped at ${place}`,
      parts: [
        line("Only the guide has ended. What becomes of the rotation is said in the group."),
        line("It begins again by ", { code: `/rotate guide ${secret}` }),
      ],
      actions: [],
    };
  }
  const command = `guide ${secret} ${view.at + 1}`;
  const isLast = view.at === steps.length - 1;
  const others = [
    ...(view.fails ? [] : [{ label: "What if it fails", command: `${command} fails` }]),
    ...(isLast ? [] : [{ label: "Stop", command: `${command} stop` }]),
  ];
  return addressedTo(target, {
    title: `🧭 ${name}, ${place}: ${step.title}`,
    parts: [
      ...(view.notYet && step.until ? [line({ bold: "Not seen yet. " }, step.until.notYet)] : []),
      ...doing(step, parts),
      ...(view.fails ? [line({ bold: "If it fails" }), ...listed(step.ifItFails)] : []),
    ],
    actions: [
      [{ label: isLast ? "Done" : "Done, next", command: `${command} next`, style: "primary" }],
      ...(others.length === 0 ? [] : [others]),
    ],
  });
}

/** All of it at once, for a terminal, where nobody taps. */
export function wholeGuideCard(parts: GuideParts): Card {
  const { target, secret, steps } = parts;
  return {
    title: `🧭 ${target} · guide to a new ${secret}`,
    parts: steps.flatMap((step, at) => [
      line({ bold: `${at + 1}. ${step.title}` }),
      ...doing(step, parts),
      line({ bold: "If it fails" }),
      ...listed(step.ifItFails),
    ]),
    actions: [],
  };
}

export function handOverParts({ secret, recipient }: WaysToHandOver): readonly CardPart[] {
  return [
    line("Never type a secret into a chat: it would be deleted, refused, and compromised."),
    line("At a terminal, unseen: ", { code: `flightdeck rotate supply ${secret}` }),
    ...(recipient === undefined
      ? []
      : [
          line("Or sealed, pasted to me in private. Type the secret, Enter, Ctrl-D:"),
          { kind: "code" as const, text: sealCommand(recipient) },
        ]),
  ];
}

function doing(step: GuideStep, ways: WaysToHandOver): readonly CardPart[] {
  return [...(step.handsOver ? handOverParts(ways) : []), ...step.lines.map((text) => line(text))];
}

function listed(texts: readonly string[]): readonly CardPart[] {
  return texts.map((text) => line(`• ${text}`));
}
