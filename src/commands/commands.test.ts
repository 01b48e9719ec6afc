import { describe, expect, test } from "vitest";
import type { z } from "zod";

import { cardText } from "../core/card-text.ts";
import { parseCommandLine, splitLine } from "../core/command-line.ts";
import { mayActAs, ROLES, type Role } from "../core/operator.ts";
import type { Stopping } from "../jobs/approval/cancel-words.ts";
import type { Run, RunState } from "../storage/run.ts";
import type { Answer, CommandContext } from "./command.ts";
import { commands } from "./index.ts";

const now = new Date("2026-11-23T03:04:05Z");

type Rows = Readonly<Record<string, readonly object[]>>;
type World = {
  readonly rows?: Rows;
  readonly role?: Role;
  readonly cancels?: boolean;
  readonly stopping?: Stopping;
  readonly decides?: boolean;
};

const runRow = (change: object = {}): object => ({
  id: "7",
  target: "alpha",
  operation: "preflight",
  input: { checks: ["api-is-live"] },
  mutating: false,
  cause: "tg-1",
  actor: { via: "telegram", name: "Ada", telegram: "5", role: "operator" },
  config_hash: "c",
  state: "ok",
  epoch: 1,
  cancel_requested_at: null,
  verdict: "GO",
  reason: null,
  created_at: now,
  started_at: now,
  ended_at: now,
  ...change,
});

const stepRow = (result: unknown): object => ({
  n: 0,
  name: "ask every check",
  kind: "look",
  state: "done",
  idempotency_key: "k",
  baseline: null,
  progress: null,
  result,
  error: null,
  started_at: now,
  ended_at: now,
});

const reportRow = (check: string, status: string): object => ({
  check,
  status,
  severity: "page",
  durationMs: 1,
  observations: [],
  measurements: [],
});

/** Types a line as if by a person and gives back the answer with everything that it started. */
async function typed(line: string, world: World = {}) {
  const started: { operation: string; input: unknown }[] = [];
  const asked: string[] = [];
  const engine: CommandContext["engine"] = {
    hear: async () => ({ kind: "refused", message: "This button is no longer known." }),
    cancel: async (_tx, _now, runId) => asked.push(`cancel ${runId}`) > 0 && world.cancels === true,
    decide: async (_tx, _now, runId, decision) =>
      asked.push(`${decision} ${runId}`) > 0 && world.decides === true,
    detailsOf: async () => [],
    recordAfterwards: async () => {},
    stopMeaning: async () => world.stopping,
  };
  const context = {
    tx: {
      rows: async <Schema extends z.ZodType>(schema: Schema, sql: string) => {
        const table = /\bfrom (\w+)/.exec(sql)?.[1] ?? "";
        return (world.rows?.[table] ?? []).map((row) => schema.parse(row));
      },
      change: async () => 0,
    },
    now,
    actor: { via: "telegram", name: "Ada", telegram: "5", role: world.role ?? "operator" },
    target: "alpha",
    timeZone: "UTC",
    checks: ["api-is-live", "api-is-ready", "database-is-up"],
    operators: [],
    checklists: [{ name: "daily", items: [], endsAfter: () => now }],
    engine,
    record: async () => {},
    start: async (operation, input) => {
      started.push({ operation, input });
      return { kind: "created", run: { id: "8" } as Run };
    },
  } as Partial<CommandContext> as CommandContext;
  const parsed = parseCommandLine(splitLine(line));
  const command = commands.find((one) => one.name === parsed.name);
  if (!command) throw new Error(`no command ${parsed.name}`);
  const answer = await command.answer(context, parsed);
  return { answer, text: textOf(answer), started, asked };
}

function textOf(answer: Answer): string {
  if (answer.kind === "card") return cardText(answer.card);
  return answer.kind === "refused" ? answer.message : answer.kind;
}

describe("what is not understood does nothing and teaches the usage", () => {
  test.each([
    ["preflight api-is-life", 'There is no check "api-is-life". Did you mean api-is-live?'],
    ["preflight zzzzzz", 'There is no check "zzzzzz".'],
    ["preflight API-IS-LIVE", 'There is no check "API-IS-LIVE". Did you mean api-is-live?'],
    ["preflight --failed-off R-7", "There is no flag --failed-off; did you mean --failed-of?"],
    ["preflight --force", "There is no flag --force"],
    ["preflight --failed-of", '"" is not the name of a run, such as R-7.'],
    ["preflight --failed-of R-U", '"R-U" is not the name of a run, such as R-7.'],
    ["preflight api-is-live --failed-of R-7", "Name checks, or a run with --failed-of, not both."],
    [`preflight ${"api-is-live ".repeat(101)}`, '"api-is-live" is one word too many.'],
    ["alerts --chart", "Of which alert? /status --chart shows what has a limit."],
    ["alerts api-is-live --chart x", '"x" is one word too many.'],
    ["alerts A-0", '"A-0" is no alert, such as A-7, and no check.'],
    [
      "alerts api-is-life",
      '"api-is-life" is no alert, such as A-7, and no check. Did you mean api-is-live?',
    ],
    [
      "ack api-is-life",
      '"api-is-life" is no alert, such as A-7, and no check. Did you mean api-is-live?',
    ],
    ["ack A-7 A-8", '"A-8" is one word too many.'],
    [
      "silence api-is-life 1h",
      '"api-is-life" is no alert, such as A-7, and no check. Did you mean api-is-live?',
    ],
    ["silence all 30d", '"30d" is not from 1m to 7d.'],
    ["silence all 30s", '"30s" is not from 1m to 7d.'],
    ["silence api-is-live soon", '"soon" is no length of time from 1m to 7d.'],
    ["silence all api-is-live 1h", "Name checks, or all, not both."],
    ["silence all --set", "--set needs to know what is to be silent, and for how long."],
    ["silence --set", "--set needs to know what is to be silent, and for how long."],
    ["silence all --set 1h", "--set stands last."],
    ["unsilence 0", '"0" is not the number of a silence; /alerts shows it.'],
    ["unsilence #3", '"#3" is not the number of a silence; /alerts shows it.'],
    ["runs R-7 R-8", '"R-8" is one word too many.'],
    ["runs nope!", '"nope!" is not the name of a run, such as R-7.'],
    ["runs --all", "There is no flag --all"],
    ["cancel", "Something is missing."],
    ["cancel R-7 4F2A R-8", '"R-8" is one word too many.'],
    ["cancel R-0", '"R-0" is not the name of a run, such as R-7.'],
    ["evidence 0", '"0" is not a number of entries.'],
    ["evidence 51", '"51" is not a number of entries.'],
    ["evidence -1", '"-1" is not a number of entries.'],
    ["evidence ٣", '"٣" is not a number of entries.'],
    ["evidence verify now", '"verify now" is not a number of entries.'],
    ["evidence show x", '"show x" is not a number of entries.'],
    ["evidence 5 6", '"5 6" is not a number of entries.'],
    ["evidence show 5 6", '"6" is one word too many.'],
    ["whoami me", '"me" is one word too many.'],
    ["help preflght", "There is no command /preflght. Did you mean /preflight?"],
    ["help decid", "There is no command /decid."],
    ["checklist", "Something is missing."],
    ["checklist daly", 'There is no checklist "daly". Did you mean daily?'],
    ["checklist rollout", 'There is no checklist "rollout". There is daily.'],
    ["checklist daily R-7", '"R-7" is one word too many.'],
    ["checklist tick nope! query", '"nope!" is not the name of a run, such as R-7.'],
    ["checklist tick R-7", "Which item?"],
    ["schedule now", '"now" is one word too many.'],
    ["deployment", "Something is missing."],
    ["deployment Api", '"Api" is no application, such as api.'],
    ["deployment api ../x", '"../x" is no uuid of a deployment.'],
    ["decide R-7", "Something is missing."],
    ["decide R-7 maybe", '"maybe" is none of happened, retry, abort.'],
    ["decide nope! abort", '"nope!" is not the name of a run, such as R-7.'],
  ])("/%s", async (line, problem) => {
    const { answer, text, started, asked } = await typed(line);
    const name = line.split(" ")[0];
    expect(answer.kind).toBe("refused");
    expect(text.split("\n")[0]).toBe(problem);
    expect(text.split("\n")[1]).toMatch(new RegExp(`^Usage: /${name}( |$)`));
    expect([started, asked]).toEqual([[], []]);
  });
});

describe("/preflight", () => {
  test.each([
    ["preflight", ["api-is-live", "api-is-ready", "database-is-up"]],
    ["preflight api-is-ready", ["api-is-ready"]],
    ["preflight api-is-ready api-is-live api-is-ready", ["api-is-ready", "api-is-live"]],
  ])("/%s asks those checks, each once", async (line, checks) => {
    const { answer, started } = await typed(line);
    expect(answer.kind).toBe("run");
    expect(started).toEqual([{ operation: "preflight", input: { checks } }]);
  });

  test("--failed-of asks again what failed or could not be seen, if it still exists", async () => {
    const result = [
      reportRow("api-is-live", "fail"),
      reportRow("api-is-ready", "pass"),
      reportRow("database-is-up", "unknown"),
      reportRow("was-removed", "fail"),
      reportRow("todoist-is-up", "not-configured"),
    ];
    const rows = { run: [runRow()], run_step: [stepRow(result)] };
    const { started } = await typed("preflight --failed-of r-7", { rows });
    expect(started).toEqual([
      { operation: "preflight", input: { checks: ["api-is-live", "database-is-up"] } },
    ]);
  });

  test.each<[string, Rows, string]>([
    ["of no run", {}, "That run is no preflight of this target."],
    [
      "of another target",
      { run: [runRow({ target: "beta" })] },
      "That run is no preflight of this target.",
    ],
    [
      "of another operation",
      { run: [runRow({ operation: "smoke" })] },
      "That run is no preflight of this target.",
    ],
    [
      "of a run without a result",
      { run: [runRow()], run_step: [stepRow(null)] },
      "That preflight has no result, so nothing failed in it.",
    ],
    [
      "of a green one",
      { run: [runRow()], run_step: [stepRow([reportRow("api-is-live", "pass")])] },
      "Nothing failed in that preflight.",
    ],
  ])("--failed-of %s starts nothing", async (_what, rows, message) => {
    const { answer, started } = await typed("preflight --failed-of R-7", { rows });
    expect(answer).toEqual({ kind: "refused", message });
    expect(started).toEqual([]);
  });
});

describe("/cancel", () => {
  test("asks the run to stop", async () => {
    const stopping = { isUnsafe: false, words: ["It only looks."], code: "4F2A" };
    const world = { rows: { run: [runRow({ state: "running" })] }, cancels: true, stopping };
    const { text, asked } = await typed("cancel r-7", world);
    expect(text).toBe("R-7 is asked to stop.\nIt only looks.");
    expect(asked).toEqual(["cancel 7"]);
  });

  test("asks again when something goes on outside, and stops by the code of these words alone", async () => {
    const stopping = { isUnsafe: true, words: ["Coolify goes on."], code: "4F2A" };
    const world = { rows: { run: [runRow({ state: "running" })] }, cancels: true, stopping };
    for (const line of ["cancel R-7", "cancel R-7 0000"]) {
      const { answer, text, asked } = await typed(line, world);
      expect(text).toContain("stop it now?\nCoolify goes on.\n");
      expect(asked).toEqual([]);
      if (answer.kind !== "card") throw new Error("It asks by a card.");
      expect(answer.card.actions.flat().map(({ command }) => command)).toEqual([
        "cancel @alpha R-7 4F2A",
      ]);
    }
    const { text, asked } = await typed("cancel R-7 4f2a", world);
    expect(text).toBe("R-7 is asked to stop.\nCoolify goes on.");
    expect(asked).toEqual(["cancel 7"]);
  });

  test.each<[RunState, object, string]>([
    ["ok", { verdict: "GO" }, "R-7 has ended: GO."],
    ["failed", { verdict: null }, "R-7 has ended: failed."],
    [
      "unknown",
      { verdict: null },
      "R-7 waits for a decision about an effect in doubt; the buttons of its card give one.",
    ],
  ])("of a run that is %s says how it stands", async (state, change, message) => {
    const rows = { run: [runRow({ state, ...change })] };
    expect((await typed("cancel R-7", { rows })).answer).toEqual({ kind: "refused", message });
  });

  test("twice is once", async () => {
    const rows = { run: [runRow({ state: "running", cancel_requested_at: now })] };
    const { text, asked } = await typed("cancel R-7", { rows });
    expect(text).toBe("R-7 was asked to stop already.");
    expect(asked).toEqual([]);
  });
});

test.each(["cancel R-7", "runs R-7", "decide R-7 abort"])(
  "/%s touches no run of another target",
  async (line) => {
    const { answer, asked } = await typed(line, { rows: { run: [runRow({ target: "beta" })] } });
    expect(answer).toEqual({ kind: "refused", message: "There is no run R-7 of alpha." });
    expect(asked).toEqual([]);
  },
);

test.each([
  ["deployment api", { application: "api" }],
  ["deployment staging-api k0wo8o4s", { application: "staging-api", deployment: "k0wo8o4s" }],
])("/%s looks at the log of a deployment", async (line, input) => {
  const { answer, started } = await typed(line);
  expect(answer.kind).toBe("run");
  expect(started).toEqual([{ operation: "deployment-log", input }]);
});

describe("/decide", () => {
  test.each(["happened", "retry", "abort"])("%s is handed on and said by name", async (word) => {
    const world = { rows: { run: [runRow({ state: "unknown" })] }, decides: true };
    const { text, asked } = await typed(`decide R-7 ${word}`, world);
    expect(text).toMatch(`R-7 · Ada decided: ${word}\n`);
    expect(asked).toEqual([`${word} 7`]);
  });

  test("comes too late when nothing is in doubt", async () => {
    const { answer } = await typed("decide R-7 retry", { rows: { run: [runRow()] } });
    expect(answer).toMatchObject({ message: "Nothing is in doubt about R-7 any more." });
  });
});

describe("/help", () => {
  test.each(ROLES)("shows a %s what he may ask and nothing else", async (role) => {
    const { text } = await typed("help", { role });
    const shown = [...text.matchAll(/^\/(\w+) /gm)].map((match) => match[1]);
    const may = commands.filter((one) => one.listed && mayActAs(role, one.role));
    expect(shown).toEqual(may.map((one) => one.name));
    expect(shown).not.toContain("decide");
  });

  test.each(["help preflight", "help /preflight"])(
    "/%s shows the usage and the role",
    async (line) => {
      expect((await typed(line)).text).toBe(
        "/preflight [check…] [--failed-of RUN]\nAsk every check afresh: GO, NO-GO or UNKNOWN\nFor role operator and above.",
      );
    },
  );
});

test("/whoami says name, role and id", async () => {
  expect((await typed("whoami", { role: "viewer" })).text).toMatch(/^Ada · viewer\nTelegram id 5/);
});

describe("/runs", () => {
  test("lists the last runs with outcome, asker and age", async () => {
    const rows = { run: [runRow(), runRow({ id: "6", state: "failed", verdict: null })] };
    expect((await typed("runs", { rows })).text).toBe(
      "alpha · last runs\nR-7 preflight · GO · Ada · just now\nR-6 preflight · failed · Ada · just now",
    );
    expect((await typed("runs")).text).toContain("Nothing has been run yet.");
  });

  test("shows one run with its reason and its steps", async () => {
    const run = runRow({ state: "failed", verdict: null, reason: "no end within 5s" });
    const { text } = await typed("runs 7", { rows: { run: [run], run_step: [stepRow(null)] } });
    expect(text).toBe(
      "R-7 · preflight · failed\nalpha, asked by Ada at 03:04:05\nno end within 5s\nask every check · done in 0ms",
    );
  });
});

describe("the list of commands", () => {
  test("fits Telegram's menus", () => {
    for (const { name, summary } of commands) {
      expect(name).toMatch(/^[a-z0-9_]{1,32}$/);
      expect(summary.length).toBeGreaterThan(0);
      expect(summary.length).toBeLessThanOrEqual(256);
    }
    expect(new Set(commands.map((command) => command.name)).size).toBe(commands.length);
  });

  test("lets a viewer change nothing", () => {
    const changing = commands.filter((command) => command.effect === "mutate");
    expect(changing.length).toBeGreaterThan(0);
    for (const command of changing) expect(mayActAs("viewer", command.role)).toBe(false);
  });
});
