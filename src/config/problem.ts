import { scrub } from "../core/redaction.ts";
import { shortened, visibleText } from "../core/visible-text.ts";

export type Path = readonly (string | number)[];

/** One mistake in a configuration file. None of its words may hold a value from the file: it could be a secret. */
export type Problem = {
  readonly line: number;
  readonly column: number;
  /** Where it is in words of the file, such as `checks.api-is-ready.timeout`; empty for the file as a whole. */
  readonly path: string;
  /** What was wrong and what is expected. */
  readonly message: string;
  /** A value that would be right. */
  readonly example?: string;
};

/** A problem whose place in the text is not looked up yet. */
export type Finding = {
  readonly path: Path;
  readonly message: string;
  readonly example?: string | undefined;
};

/** One line a problem, in the order of the file, in the form that editors and terminals can jump to. */
export function formatProblems(problems: readonly Problem[], fileName: string): string {
  return problems
    .map(({ line, column, path, message, example }) => {
      const where = path === "" ? "" : `${path}: `;
      const hint = example === undefined ? "" : ` (example: ${example})`;
      return `${fileName}:${line}:${column}  ${shown(`${where}${message}`)}${hint}`;
    })
    .join("\n");
}

/** Names come from the file, and somebody may have written anything in place of one. */
function shown(text: string): string {
  return shortened(visibleText(scrub(text)), 800);
}

export function formatPath(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    return text === "" ? part : `${text}.${part}`;
  }, "");
}
