import * as fc from "fast-check";
import { expect, test } from "vitest";

import type { CommandContext } from "../../src/commands/command.ts";
import { commands } from "../../src/commands/index.ts";
import { targetMeant, type ServedTarget } from "../../src/commands/served-target.ts";
import { parseCommandLine, splitLine } from "../../src/core/command-line.ts";
import { ROLES } from "../../src/core/operator.ts";
import { breath, cases, FUZZ_TIMEOUT_MS } from "./cases.ts";
import { hostileText } from "./hostile-text.ts";

const plainWord = fc
  .string({ unit: "binary", minLength: 1, maxLength: 12 })
  .filter((text) => !/[\s“”"]/.test(text) && !/^(?:--|[—–])/.test(text));
const quotedWords = fc
  .string({ unit: "binary", maxLength: 20 })
  .filter((text) => !/[“”"]/.test(text));
const flagName = fc.stringMatching(/^[a-z][a-z-]{0,12}$/);

/** A part of a command line as its author means it. */
const part = fc.oneof(
  plainWord.map((word) => ({ kind: "word", word }) as const),
  quotedWords
    .filter((word) => !/^(?:--|[—–])/.test(word))
    .map((word) => ({ kind: "quoted", word }) as const),
  fc.tuple(flagName, plainWord).map(([name, value]) => ({ kind: "flag", name, value }) as const),
);
const quotes = fc.constantFrom(["“", "”"], ['"', '"'], ["”", "“"], ["“", '"'] as const);
const dash = fc.constantFrom("--", "—", "–");
const blank = fc.constantFrom(" ", "  ", "\n", "\t", "\u00a0", " \r\n ");

test(
  "a line that people mean is read as they mean it, whatever their phone makes of dashes, quotes and blanks",
  async () => {
    await fc.assert(
      fc
        .asyncProperty(
          plainWord,
          fc.array(fc.tuple(part, quotes, dash, blank), { maxLength: 10 }),
          async (name, parts) => {
            const spelt = parts.map(([said, [open, close], dashes, before]) => {
              if (said.kind === "word") return `${before}${said.word}`;
              if (said.kind === "quoted") return `${before}${open}${said.word}${close}`;
              return `${before}${dashes}${said.name}${before}${said.value}`;
            });
            const words = parts.flatMap(([said]) => (said.kind === "flag" ? [] : [said.word]));
            const flags = parts.flatMap(([said]) =>
              said.kind === "flag" ? [[said.name, said.value] as const] : [],
            );
            expect(parseCommandLine(splitLine(`${name}${spelt.join("")}`))).toEqual({
              name,
              words,
              flags: Object.fromEntries(flags),
            });
          },
        )
        .beforeEach(breath),
      cases(400),
    );
  },
  FUZZ_TIMEOUT_MS,
);

/** Says that a command has understood its words and wants to look or act. */
class Reached extends Error {}

/** Stands for whatever lies behind a command; whoever touches it has understood the words. */
function behind(): never {
  throw new Reached("beyond the words");
}
function reached(error: unknown): { readonly kind: "reached" } {
  if (error instanceof Reached) return { kind: "reached" };
  throw error;
}
const anything = new Proxy({}, { get: () => behind });

const context = {
  target: "alpha",
  timeZone: "Europe/Berlin",
  checks: ["api-is-live", "backup-is-fresh"],
  board: [],
  smoke: { flow: undefined, flows: {} },
  checklists: [],
  schedules: [],
  operators: [{ name: "Ada", telegram: 1003, role: "approver" }],
  maintenance: [],
  rosterAt: () => [],
  caller: anything,
  backup: undefined,
  operations: ["preflight", "smoke", "backup", "deploy", "rollback", "rotate"],
  applications: ["api", "worker"],
  rotated: {},
  tx: anything,
  now: new Date("2026-11-23T03:04:05Z"),
  actor: { via: "telegram", name: "Ada", telegram: "1003", role: "approver" },
  cause: "tg-1",
  tap: undefined,
  engine: anything,
  handedOver: ["xai-key"],
  start: behind,
  record: behind,
} as unknown as CommandContext;
const targets: readonly [ServedTarget] = [{ context, chatId: -1001, topicId: undefined }];

const argument = fc.oneof(
  hostileText,
  fc.constantFrom(
    "R-7",
    "R-0",
    "r-zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
    "2h",
    "0s",
    "999999999d",
    "99999999999999999999d",
    "1003",
    "Ada",
    "api-is-live",
    "*",
    "list",
    "verify",
    "-1",
    "1e9",
    "--reason",
    "--for",
    "--failed-of",
    "@alpha",
    "@beta",
    "abcdef1",
    "0".repeat(64),
    "daily",
    "until",
    "25:61",
    "constructor",
  ),
);

test(
  "no words behind any command break it: it answers, or goes on to look at what was meant",
  async () => {
    const outcomes = new Map<string, number>();
    await fc.assert(
      fc
        .asyncProperty(
          fc.constantFrom(...commands),
          fc.array(argument, { maxLength: 6 }),
          fc.constantFrom(...ROLES),
          async (command, args, role) => {
            const line = parseCommandLine(splitLine(`${command.name} ${args.join(" ")}`));
            const meant = targetMeant(targets, line, { chatId: -1001 });
            const actor = { ...context.actor, role } as CommandContext["actor"];
            const answer = meant.ok
              ? await command.answer({ ...context, actor }, meant.line).catch(reached)
              : { kind: "refused" as const, message: meant.message };
            outcomes.set(answer.kind, (outcomes.get(answer.kind) ?? 0) + 1);
            expect(["card", "reached", "refused", "subject", "told"]).toContain(answer.kind);
            const said = answer.kind === "refused" ? answer.message : "nothing";
            expect(said).toMatch(/\S/);
          },
        )
        .beforeEach(breath),
      cases(1_000),
    );
    // Both happen, or nothing was tried.
    expect(outcomes.get("reached")).toBeGreaterThan(50);
    expect(outcomes.get("refused")).toBeGreaterThan(50);
  },
  FUZZ_TIMEOUT_MS,
);
