import { spawnSync } from "node:child_process";

import { describe, expect, test } from "vitest";

import { complaintOfCall } from "./support/called-program.ts";
import {
  blocksOf,
  codeWordsOf,
  documents,
  read,
  type Block,
  type Word,
} from "./support/documents.ts";
import { runBlock } from "./support/rehearsed-shell.ts";
import { tokensOf, withSamples } from "./support/sample-line.ts";
import { complaintOfChat, complaintOfTerminal } from "./support/typed-line.ts";

/** Blocks that another test runs for real, on a real PostgreSQL or Redis, and which test that is. */
const RUN_ELSEWHERE: Readonly<Record<string, string>> = {
  "ops/RESTORE_RUNBOOK.md sh": "test/restore-runbook.test.ts",
  "docs/deploy-on-coolify.md sql": "test/integration/image-document.test.ts",
  "docs/deploy-on-coolify.md redis": "test/integration/image-document.test.ts",
  "ops/SECRETS_ROTATION_RUNBOOK.md sql": "test/documents-sql.test.ts",
};

/** Languages that hold no commands: code is held to the file that it names by `documents.test.ts`, pictures to nothing. */
const NO_COMMANDS = ["ts", "text", "yaml", "mermaid"];

const blocks = documents.flatMap((document) => blocksOf(document));
const placeOf = ({ document, line }: Block | Word): string => `${document}:${line}`;
const isRunElsewhere = ({ document, language }: Block): boolean =>
  `${document} ${language}` in RUN_ELSEWHERE;

const shellBlocks = blocks.filter((block) => block.language === "sh" && !isRunElsewhere(block));

/** What readers have in their shells by then; what a block needs of an earlier one of its document is defined there. */
const ENVIRONMENT = { KEY: "/safe/recovery-key", BACKUP_RECOVERY_RECIPIENT: "age1sample" };
const functionsOf = (document: string): string =>
  blocksOf(document)
    .flatMap(({ text }) => text.match(/^\w+\(\) \{.*\}$/gm) ?? [])
    .join("\n");

describe("every block of commands", () => {
  test("is of a language that a test runs, or holds no command", () => {
    const strays = blocks.filter(
      (block) =>
        block.language !== "sh" &&
        block.language !== "" &&
        !NO_COMMANDS.includes(block.language) &&
        !isRunElsewhere(block),
    );
    expect(strays.map(placeOf)).toEqual([]);
    expect(shellBlocks.length).toBeGreaterThan(15);
  });

  test.each(Object.entries(RUN_ELSEWHERE))("of %s is run by %s", (what, file) => {
    const [document = "", language = ""] = what.split(" ");
    expect(blocksOf(document).some((block) => block.language === language)).toBe(true);
    expect(read(file)).toContain(document);
  });

  test.each(shellBlocks.map((block) => [placeOf(block), block] as const))(
    "runs: %s",
    async (_place, { document, text }) => {
      const { code, said, calls } = await runBlock(
        `${functionsOf(document)}\n${text}`,
        ENVIRONMENT,
      );
      expect({ code, said }).toEqual({ code: 0, said: code === 0 ? said : "" });
      const complaints: string[] = [];
      for (const call of calls) {
        const found = await complaintOfCall(call);
        if (found !== undefined)
          complaints.push(`${call.program} ${call.argv.join(" ")}: ${found}`);
      }
      expect(complaints).toEqual([]);
    },
  );

  test("that lists how a program is used names only what there is", async () => {
    const lines = blocks
      .filter(({ language }) => language === "")
      .flatMap(({ text }) => text.split("\n"))
      .filter((line) => /^flightdeck \w/.test(line));
    expect(lines.length).toBeGreaterThan(10);
    const complaints: string[] = [];
    for (const line of lines) {
      const [usage = ""] = line.split(/ {2,}/);
      for (const one of usage.split(" · ")) complaints.push(...(await complaintsOfUsage(one)));
    }
    expect(complaints).toEqual([]);
  });
});

/** `evidence rotate-key | repair --reason "…"` is as many commands as it has words to choose from. */
async function complaintsOfUsage(usage: string): Promise<readonly string[]> {
  const bare = withSamples(usage.replace(/^flightdeck /, ""));
  const [first = "", ...rest] = bare.split(" | ");
  const verbs = first.split(" ");
  const tail = /--.*/.exec(rest.at(-1) ?? "")?.[0] ?? "";
  const lines =
    rest.length === 0
      ? [bare]
      : [verbs.at(-1), ...rest.map((word) => word.split(" ")[0])].map((word) =>
          `${verbs.slice(0, -1).join(" ")} ${word} ${tail}`.trim(),
        );
  const complaints: string[] = [];
  for (const line of lines) {
    const found = await complaintOfTerminal(tokensOf(line));
    if (found !== undefined) complaints.push(`${line}: ${found}`);
  }
  return complaints;
}

/** Words that begin with a slash and are no commands of ours, and whose they are. */
const NOT_OURS: Readonly<Record<string, readonly string[]>> = {
  "BotFather's": [
    "newbot",
    "setprivacy",
    "setinline",
    "empty",
    "mybots",
    "setjoingroups",
    "revoke",
  ],
  "an address's": ["healthz", "readyz", "livez", "metrics"],
  "a place's": ["data", "compose.yaml"],
};

/** The README's table of commands is held to the registry, row by row, by `documents.test.ts`. */
const isRowOfCommands = ({ document, line }: Word): boolean =>
  document === "README.md" && (read(document).split("\n")[line - 1] ?? "").startsWith("| `/");

const SHELL_LINE = /^(?:curl|docker|openssl|umask|df|du|ls|git|age-keygen|alembic|npm|node) \S/;

const words = documents.flatMap(codeWordsOf);

const typedInChat = words.filter(
  (word) =>
    /^\/[a-z][\w.]*(?: |$)/.test(word.text) &&
    !isRowOfCommands(word) &&
    !Object.values(NOT_OURS).flat().includes(word.text.slice(1)),
);
const typedAtTerminal = words.filter(({ text }) => /^flightdeck \S/.test(text));

describe("every command that a document names", () => {
  test("is understood in the chat, by the parser and the registry that operators meet there", async () => {
    expect(typedInChat.length).toBeGreaterThan(150);
    const complaints: string[] = [];
    for (const word of typedInChat) {
      const complaint = await complaintOfNamed(word.text);
      if (complaint !== undefined) complaints.push(`${placeOf(word)} ${word.text}: ${complaint}`);
    }
    expect(complaints).toEqual([]);
  });

  test("is understood at a terminal", async () => {
    expect(typedAtTerminal.length).toBeGreaterThan(15);
    const complaints: string[] = [];
    for (const word of typedAtTerminal) {
      const argv = tokensOf(withSamples(word.text)).slice(1);
      const complaint = isNameAlone(argv) ? undefined : await complaintOfTerminal(argv);
      if (complaint !== undefined) complaints.push(`${placeOf(word)} ${word.text}: ${complaint}`);
    }
    expect(complaints).toEqual([]);
  });

  test("and every line for a shell, told in passing, is one that a shell takes apart", async () => {
    const lines = words.filter(({ text }) => SHELL_LINE.test(text));
    expect(lines.length).toBeGreaterThan(15);
    const complaints: string[] = [];
    for (const word of lines) {
      const line = word.text.replaceAll(/<[a-z ]+>/g, "sample").replaceAll("…", "sample");
      const { status, stderr } = spawnSync("bash", ["-n", "-c", line], { encoding: "utf8" });
      if (status !== 0) complaints.push(`${placeOf(word)} ${word.text}: ${stderr}`);
    }
    expect(complaints).toEqual([]);
  });

  test("would be complained of if it did not exist, lacked a word, or had a wrong flag", async () => {
    expect(await complaintOfNamed("/rolback")).toContain("There is no command rolback");
    expect(await complaintOfNamed("/preflight api-is-life")).toContain("There is no check");
    expect(await complaintOfNamed("/smoke --dryrun")).toContain("There is no flag --dryrun");
    expect(await complaintOfNamed("/sign RUN backup perhaps")).toContain("Usage: /sign");
    expect(await complaintOfTerminal(["evidence", "adopt"])).toContain("wants to know why");
    expect(await complaintOfTerminal(["evidence", "adopt", "--why", "x"])).toContain("evidence");
    expect(await complaintOfTerminal(["secrets", "init", "--dry"])).toContain("Usage");
    expect(await complaintOfTerminal(["restore", "file"])).toContain("--to is missing");
    expect(await complaintOfTerminal(["config", "chek"])).toContain("Usage");
  });

  test("would be complained of in a block as well", async () => {
    const complaintsOf = async (text: string): Promise<readonly (string | undefined)[]> => {
      const { calls } = await runBlock(text, ENVIRONMENT);
      return Promise.all(calls.map(complaintOfCall));
    };
    expect(await complaintsOf("npm run snadbox")).toEqual(["there is no script snadbox"]);
    expect(await complaintsOf("npm run -s flightdeck -- evidence adopt")).toEqual([
      expect.stringContaining("wants to know why"),
    ]);
    expect(await complaintsOf("docker compose exec flightdek flightdeck runs")).toEqual([
      "no service flightdek",
    ]);
    expect(
      await complaintsOf("docker compose run --rm flightdeck config check ops/prod.yaml"),
    ).toEqual(["there is no ops/prod.yaml"]);
    expect((await runBlock("flightdek runs", {})).code).toBe(127);
    expect((await runBlock("grep -o nowhere ops/production.yaml | sort", {})).code).toBe(1);
  });
});

/** A command may be named by its first words alone, where the text is about it and not about typing it. */
const NAMED_ALONE = new Set(["sign", "decide", "lock", "unlock", "cancel", "restart", "checklist"]);

async function complaintOfNamed(text: string): Promise<string | undefined> {
  const line = withSamples(text);
  const name = line.slice(1);
  return NAMED_ALONE.has(name) ? undefined : complaintOfChat(line);
}

const isNameAlone = (argv: readonly string[]): boolean =>
  [
    "approve",
    "evidence verify",
    "evidence repair",
    "evidence adopt",
    "evidence repair --reason",
  ].includes(argv.join(" "));
