import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "../..");
export const read = (file: string): string => readFileSync(join(root, file), "utf8");

export function markdownIn(folder: string): readonly string[] {
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folder, name));
}

/** Everything that people read here; the log in `comms` is the bot's, and is no document. */
export const documents: readonly string[] = [
  "README.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  ...markdownIn("docs"),
  ...markdownIn("docs/decisions"),
  ...markdownIn("docs/runbooks"),
  ...markdownIn("ops"),
  "comms/README.md",
];

export type Block = {
  readonly document: string;
  readonly line: number;
  readonly language: string;
  readonly text: string;
};

/** The fenced blocks of a document, also those that stand in a list. */
export function blocksOf(document: string, text = read(document)): readonly Block[] {
  return [...text.matchAll(/^( *)```([^\n]*)\n([^]*?)^\1```$/gm)].map((match) => {
    const [, indent = "", language = "", body = ""] = match;
    return {
      document,
      line: text.slice(0, match.index).split("\n").length,
      language: language.split(" ")[0] ?? "",
      text: body.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
    };
  });
}

export type Word = { readonly document: string; readonly line: number; readonly text: string };

/** The text outside of fenced blocks, line by line where it was; what is in a block speaks another language. */
export function proseOf(document: string): string {
  const blank = (block: string): string => block.replaceAll(/[^\n]/g, "");
  return read(document).replaceAll(/^( *)```[^]*?^\1```$/gm, blank);
}

/** What stands in single backticks outside of blocks, with the place where it stands. */
export function codeWordsOf(document: string): readonly Word[] {
  const prose = proseOf(document);
  return [...prose.matchAll(/`([^`]+)`/g)].map((match) => ({
    document,
    line: prose.slice(0, match.index).split("\n").length,
    text: (match[1] ?? "").replaceAll(/\s+/g, " "),
  }));
}
