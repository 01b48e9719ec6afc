import { describe, expect, test } from "vitest";

import { cardText } from "../core/card-text.ts";
import { secretsSetting } from "../jobs/rotation/rotations.ts";
import { guideCard, wholeGuideCard } from "./rotate-guide-card.ts";
import { rotationGuides } from "./rotate-guides.ts";

const LONGEST = "a-secret-with-a-long-nam";

/** The procedures by which a person makes the new one, as they go when nobody else can. */
const BY_HAND: Readonly<Record<string, object>> = {
  "todoist-token": { applications: ["worker"] },
  "xai-key": { applications: ["api", "worker"] },
};

function deedsOf(kind: string) {
  const { secret } = secretsSetting.parse({ secret: { kind, ...BY_HAND[kind] } });
  const nobody = () => {
    throw new Error("A procedure tells its phases without asking anybody.");
  };
  const silent = new Proxy({}, { get: () => nobody }) as never;
  const { phases } = secret!.open({ systems: silent, vault: silent, checks: [] } as never);
  return phases.flatMap(({ deeds }) => deeds);
}

describe.each(Object.entries(rotationGuides))("the guide to a %s", (kind, stepsOf) => {
  const steps = stepsOf(LONGEST);

  test("waits for what the procedure asks of a person, in the order in which it does", () => {
    const deeds = deedsOf(kind);
    const asked = deeds.filter(({ asksPerson }) => asksPerson !== undefined);
    const awaited = steps.flatMap(({ until }) => until?.deed ?? []);
    expect([...new Set(awaited)]).toEqual(asked.map(({ name }) => name));
    for (const { name } of asked) {
      const sights = steps.flatMap(({ until }) => (until?.deed === name ? [until.is] : []));
      expect(sights).toEqual(["waited-for", "done"]);
    }
  });

  test("says of every step what to do when it fails, and hands over in exactly one", () => {
    for (const { title, lines, ifItFails, handsOver } of steps) {
      expect([title, ifItFails.length > 0]).toEqual([title, true]);
      expect([title, lines.length > 0 || handsOver === true]).toEqual([title, true]);
    }
    const at = steps.findIndex(({ handsOver }) => handsOver);
    expect(steps.filter(({ handsOver }) => handsOver)).toHaveLength(1);
    expect(steps[at]?.until).toMatchObject({ is: "done" });
  });

  test("has buttons that a message can carry beside the longest names, and that say which step they mean", () => {
    const parts = { target: "a-target-of-20-chars", secret: LONGEST, steps, recipient: "age1q" };
    for (const [at] of steps.entries()) {
      const { actions } = guideCard(parts, { kind: "step", at, notYet: true });
      for (const { command } of actions.flat()) {
        // Two bytes before it mark it as a command.
        expect(Buffer.byteLength(command)).toBeLessThanOrEqual(62);
        expect(command).toContain(` ${at + 1} `);
      }
      expect(actions.every((row) => row.length > 0)).toBe(true);
      const labels = actions.flat().map(({ label }) => label);
      const isLast = at === steps.length - 1;
      expect(labels).toEqual(
        isLast ? ["Done", "What if it fails"] : ["Done, next", "What if it fails", "Stop"],
      );
    }
  });

  test("shows one step at a time in private, and all of it at a terminal", () => {
    const parts = { target: "alpha", secret: "the-secret", steps, recipient: "age1recipient" };
    const whole = cardText(wholeGuideCard(parts));
    for (const [at, step] of steps.entries()) {
      const card = guideCard(parts, { kind: "step", at, fails: true });
      expect(card.actions.every((row) => row.length > 0)).toBe(true);
      const shown = cardText(card);
      expect(shown).toContain(`step ${at + 1} of ${steps.length}: ${step.title}`);
      for (const text of [...step.lines, ...step.ifItFails]) {
        expect(shown).toContain(text);
        expect(whole).toContain(text);
      }
      expect(shown.includes("age -a -r age1recipient")).toBe(step.handsOver === true);
    }
    expect(whole).toContain("flightdeck rotate supply the-secret");
  });
});
