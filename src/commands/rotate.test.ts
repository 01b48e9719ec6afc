import { describe, expect, test } from "vitest";
import type { z } from "zod";

import { cardText } from "../core/card-text.ts";
import { parseCommandLine, splitLine } from "../core/command-line.ts";
import { secretsSetting } from "../jobs/rotation/rotations.ts";
import type { Run } from "../storage/run.ts";
import type { Answer, CommandContext } from "./command.ts";
import { rotate } from "./rotate.ts";

const now = new Date("2026-11-23T10:00:00Z");
const rotated = secretsSetting.parse({
  "api-tokens": {
    kind: "api-token",
    applications: ["api"],
    proof: "https://api.example.com/v1/tasks",
    since: "2026-08-01",
  },
  webhook: { kind: "webhook-secret", applications: ["api"] },
  "sync-token": { kind: "todoist-token", applications: ["worker"], since: "2026-11-01" },
});

type Row = Readonly<Record<string, unknown>>;

async function typed(line: string, ages: readonly Row[] = [], isConfigured = true) {
  const started: unknown[] = [];
  const context = {
    tx: {
      rows: async <Schema extends z.ZodType>(schema: Schema) =>
        ages.map((row) => schema.parse(row)),
      change: async () => 0,
    },
    now,
    target: "alpha",
    rotated: isConfigured ? rotated : {},
    handedOver: isConfigured ? ["sync-token"] : [],
    operations: isConfigured ? ["rotate"] : [],
    start: async (operation: string, input: unknown) => {
      started.push([operation, input]);
      return { kind: "created", run: { id: "8" } as Run };
    },
  } as Partial<CommandContext> as CommandContext;
  const answer = await rotate.answer(context, parseCommandLine(splitLine(line)));
  return { answer, text: textOf(answer), started };
}

function textOf(answer: Answer): string {
  if (answer.kind === "card") return cardText(answer.card);
  return answer.kind === "refused" ? answer.message : answer.kind;
}

describe("/rotate", () => {
  test.each([
    ["rotate api-tokens", { secret: "api-tokens" }],
    ["rotate api-tokens exposed", { secret: "api-tokens", exposed: true }],
    ["rotate webhook back", { secret: "webhook", back: true }],
  ])("%s asks for exactly that", async (line, input) => {
    expect((await typed(line)).started).toEqual([["rotate", input]]);
  });

  test("alone tells how old each is, what is due, and what was left half done", async () => {
    const { text } = await typed("rotate", [
      {
        secret: "webhook",
        minted_at: new Date("2026-11-20T10:00:00Z"),
        open_since: now,
        open_run: "7",
        exposed: false,
      },
    ]);
    expect(text.split("\n").slice(0, 4)).toEqual([
      "🟡 alpha · secrets: 1 of 3 due, or of unknown age",
      "⚠️ webhook: R-7 has begun to rotate it and is not over",
      "🔴 api-tokens · 114d old, due 24d ago",
      "✓ webhook · 3d old, due in 87d",
    ]);
  });

  test("names what may have been meant", async () => {
    const { text, started } = await typed("rotate api-token");
    expect(text).toContain("Did you mean api-tokens?");
    expect(started).toEqual([]);
  });

  const PASTED = "k7Qv0tTz1cB8mWxY4nRf2pLs";

  test.each([
    `rotate ${PASTED}`,
    `rotate webhook ${PASTED}`,
    `rotate webhook exposed ${PASTED}`,
    `rotate supply webhook ${PASTED}`,
    `rotate guide ${PASTED}`,
    `rotate guide sync-token ${PASTED}`,
  ])("repeats nothing that may be a secret somebody has typed: %#", async (line) => {
    const { answer, text, started } = await typed(line);
    expect(answer.kind).toBe("refused");
    expect(text).not.toContain(PASTED);
    expect(started).toEqual([]);
  });

  test("guides to a secret that a person makes, from where he stands", async () => {
    const { answer } = await typed("rotate guide sync-token");
    expect(answer).toMatchObject({
      kind: "guided",
      turn: {
        target: "alpha",
        secret: "sync-token",
        kind: "todoist-token",
        word: { kind: "show" },
      },
    });
  });

  test.each(["rotate guide", "rotate guide webhook"])(
    "%s offers the guides that there are",
    async (line) => {
      const { answer } = await typed(line);
      const actions = answer.kind === "card" ? answer.card.actions.flat() : [];
      expect(actions.map(({ command }) => command)).toEqual(["rotate @alpha guide sync-token"]);
    },
  );

  test("says what to configure where nothing is", async () => {
    expect((await typed("rotate", [], false)).text).toContain("below `secrets:`");
  });
});
