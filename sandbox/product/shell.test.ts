import { describe, expect, test } from "vitest";

import { type Program, runShell } from "./shell.ts";

/** Says on both outputs what it was called with, and ends as it is told. */
const program: Program = async ([exitCode, ...words]) => ({
  exitCode: Number(exitCode),
  stdout: `out ${words.join(",")}\n`,
  stderr: `err ${words.join(",")}\n`,
});
const run = async (command: string) => runShell(command, { program });

describe("the shell of a container", () => {
  test.each([
    ["both outputs, the errors first", "program 0 a", 0, "err a\nout a\n"],
    ["the exit code of the last command", "program 3 a >/dev/null 2>&1; false", 1, ""],
    ["an exit code in a variable", "program 3 >/dev/null 2>&1; rc=$?; echo RC=$rc", 0, "RC=3\n"],
    ["nothing behind an exit", "exit 7; echo no", 7, ""],
    ["an exit with the code of what was before", "false; exit", 1, ""],
    ["a file that was written to", "program 0 a >/tmp/m 2>&1; tail -c 6 /tmp/m", 0, "out a\n"],
    ["a file behind another", "echo a >f; echo b >>f; cat f", 0, "a\nb\n"],
    ["one output without the other", "program 0 a 2>/dev/null", 0, "out a\n"],
    ["the loss of an exit code in a pipe", "program 3 a 2>&1 | tail -c 8000", 0, "err a\nout a\n"],
    ["what depends on success", "true && echo yes; false && echo no", 1, "yes\n"],
    ["what depends on failure", "false || echo yes; true || echo no", 0, "yes\n"],
    ["quotes", `n=7; echo '$n' "$n ; \${n}" b"c"`, 0, "$n 7 ; 7 bc\n"],
    ["a setting for one program alone", "X=1 program 0 a 2>/dev/null", 0, "out a\n"],
    ["a program that is not there", "psql -c x", 127, "sh: 1: psql: not found\n"],
    ["what it does not understand", "echo $(date)", 2, "sh: 1: Syntax error\n"],
    ["what is not closed", "echo 'a", 2, "sh: 1: Syntax error\n"],
  ])("knows %s", async (_, command, exitCode, output) => {
    expect(await run(command)).toEqual({ exitCode, output });
  });

  test("keeps nothing from one command to the next", async () => {
    await run("echo a >/tmp/m; n=1");
    expect(await run("cat /tmp/m; echo $n")).toEqual({ exitCode: 0, output: "\n" });
  });
});
