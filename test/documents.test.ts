import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

import { describe, expect, test } from "vitest";

import packageJson from "../package.json" with { type: "json" };
import { commands } from "../src/commands/index.ts";
import { codeWordsOf, documents, markdownIn, proseOf, read, root } from "./support/documents.ts";

/** What a document may name although only its reader makes it. */
const MADE_BY_THE_READER = new Set(["ops/ours.yaml", "comms/production"]);
/** The log of a target, wherever its folder is. */
const MADE_BY_FLIGHTDECK = new Set(["log.md"]);
const FOLDERS = ["src", "sandbox", "test", "bench", "ops", "docs", "scripts", "comms", ".ci"];
const PATH = new RegExp(
  `^(?:(?:${FOLDERS.join("|").replace(".", "\\.")})(?:/[\\w./-]*)?|[\\w.-]+\\.(?:md|json|yaml|ts|sh))$`,
);

const links = (document: string): string[] =>
  [...proseOf(document).matchAll(/\]\(([^)\s]+)[^)]*\)/g)].map((match) => match[1] ?? "");

/** The names under which a page's headings are linked to. */
const anchorsOf = (document: string): readonly string[] =>
  [...proseOf(document).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} -]/gu, "")
      .replaceAll(" ", "-"),
  );

type Excerpt = { readonly document: string; readonly file: string; readonly code: string };

/** Blocks that name the file they are taken from: three backticks, the language, the path. */
const excerpts: readonly Excerpt[] = documents.flatMap((document) =>
  [...read(document).matchAll(/^```\w+ (\S+)\n([^]*?)^```$/gm)].map((match) => ({
    document,
    file: match[1] ?? "",
    code: match[2] ?? "",
  })),
);

describe("the documents", () => {
  test.each(documents)("%s links only to what exists", (document) => {
    const broken = links(document)
      .filter((link) => !/^(?:https?:|#)/.test(link))
      .filter((link) => !existsSync(join(root, dirname(document), link.split("#")[0] ?? "")));
    expect(broken).toEqual([]);
  });

  test.each(documents)("%s names only paths that exist", (document) => {
    const missing = codeWordsOf(document)
      .map(({ text }) => text)
      .filter((word) => PATH.test(word))
      .filter((word) => !MADE_BY_THE_READER.has(word) && !MADE_BY_FLIGHTDECK.has(word))
      .filter((word) => !existsSync(join(root, word)));
    expect(missing).toEqual([]);
  });

  test("name only npm scripts that exist", () => {
    const named = documents.flatMap((document) => [
      ...[...read(document).matchAll(/npm run (?:-s |--silent )?([\w:-]+)/g)].map((m) => m[1]),
      ...(/\bnpm test\b/.test(read(document)) ? ["test"] : []),
    ]);
    const scripts = Object.keys(packageJson.scripts);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => name === undefined || !scripts.includes(name))).toEqual([]);
  });

  test("show code as it stands in the file that they name", () => {
    const changed = excerpts.filter(({ file, code }) => !read(file).includes(code));
    expect(excerpts.length).toBeGreaterThan(2);
    expect(changed).toEqual([]);
  });

  test.each(documents)("%s leads to no heading that is not there", (document) => {
    const lost = links(document)
      .filter((link) => !/^https?:/.test(link) && link.includes("#"))
      .filter((link) => {
        const [file = "", anchor = ""] = link.split("#");
        return !anchorsOf(file === "" ? document : join(dirname(document), file)).includes(anchor);
      });
    expect(lost).toEqual([]);
  });

  test("are all to be found from docs/README.md, the runbooks of checks by their folder", () => {
    const listed = links("docs/README.md").map((link) => join("docs", link));
    const lost = documents
      .filter((document) => !listed.includes(document) && !listed.includes(dirname(document)))
      .filter((document) => document !== "docs/README.md");
    expect(lost).toEqual([]);
  });

  test("list every decision in docs/README.md", () => {
    const listed = links("docs/README.md").map((link) => join("docs", link));
    const missing = markdownIn("docs/decisions").filter((file) => !listed.includes(file));
    expect(missing).toEqual([]);
  });
});

describe("the README's table of commands", () => {
  test("holds every command with its usage and role, and no other", () => {
    const rows = [...read("README.md").matchAll(/^\| `\/(.+?)` +\| (\w+) +\|/gm)];
    const told = rows.map((row) => ({ command: unescaped(row[1] ?? ""), role: row[2] }));
    const known = commands.map(({ name, usage, role }) => ({
      command: `${name} ${usage}`.trim(),
      role,
    }));
    expect(byName(told)).toEqual(byName(known));
  });
});

/** A table's cell bears a bar only behind a backslash. */
function unescaped(cell: string): string {
  return cell.replaceAll("\\|", "|");
}

function byName<Row extends { readonly command: string }>(rows: readonly Row[]): Row[] {
  return rows.toSorted((one, other) => one.command.localeCompare(other.command));
}
