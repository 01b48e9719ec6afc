/** One instruction of a Dockerfile, as it is written. */
export type Instruction = {
  readonly name: string;
  /** What stands behind the name, on one line; flags such as --from are not part of it. */
  readonly text: string;
  readonly flags: Readonly<Record<string, string>>;
  /** The words of the JSON form; undefined for the form of a shell. */
  readonly words: readonly string[] | undefined;
  readonly line: number;
};

export type Stage = {
  readonly base: string;
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
};

const KNOWN = new Set(
  "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL RUN SHELL STOPSIGNAL USER VOLUME WORKDIR".split(
    " ",
  ),
);

/**
 * Reads the part of the language that our Dockerfile is written in, and refuses everything else, so that no rule is kept
 * only because its breach was not understood.
 */
export function parseDockerfile(text: string): readonly Stage[] {
  const stages: { base: string; name: string | undefined; instructions: Instruction[] }[] = [];
  for (const instruction of instructionsIn(text)) {
    if (instruction.name === "FROM") {
      const [, base, name] = /^(\S+)(?: AS (\S+))?$/.exec(instruction.text) ?? [];
      if (base === undefined) throw refused(instruction.line, "expected FROM image [AS name]");
      stages.push({ base, name, instructions: [] });
      continue;
    }
    const stage = stages.at(-1);
    if (!stage) throw refused(instruction.line, "expected FROM first");
    stage.instructions.push(instruction);
  }
  return stages;
}

function instructionsIn(text: string): readonly Instruction[] {
  const found: Instruction[] = [];
  let open: { readonly line: number; readonly parts: string[] } | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    // A comment may stand between the lines of one instruction too.
    if (/^\s*(?:#|$)/.test(line)) continue;
    open ??= { line: index + 1, parts: [] };
    const goesOn = line.endsWith("\\");
    open.parts.push((goesOn ? line.slice(0, -1) : line).trim());
    if (goesOn) continue;
    found.push(instructionOf(open.parts.join(" "), open.line));
    open = undefined;
  }
  if (open) throw refused(open.line, "it ends with a backslash");
  return found;
}

function instructionOf(text: string, line: number): Instruction {
  const [, name = "", tail = ""] = /^([A-Z]+) +(.+)$/.exec(text) ?? [];
  if (!KNOWN.has(name)) throw refused(line, `"${text.slice(0, 40)}" is no known instruction`);
  const flags: Record<string, string> = {};
  let rest = tail;
  for (;;) {
    const [whole, flag, value] = /^--([a-z-]+)=(\S+) +/.exec(rest) ?? [];
    if (whole === undefined || flag === undefined || value === undefined) break;
    flags[flag] = value;
    rest = rest.slice(whole.length);
  }
  const list = rest.replace(/^(?:CMD|NONE) +/, "");
  const words = list.startsWith("[") ? (JSON.parse(list) as readonly string[]) : undefined;
  return { name, text: rest, flags, words, line };
}

function refused(line: number, what: string): Error {
  return new Error(`Dockerfile:${line}: ${what}.`);
}

/** The `NAME=value` pairs of ENV, ARG and LABEL. */
export function pairsOf({ text }: Instruction): readonly (readonly [string, string])[] {
  return [...text.matchAll(/([\w.-]+)=(?:"([^"]*)"|(\S*))/g)].map(
    ([, name = "", quoted, plain]) => [name, quoted ?? plain ?? ""] as const,
  );
}

/** Whether a file of the build's folder gets into the build: the last rule that fits it decides. */
export function isInContext(rules: string, file: string): boolean {
  let isIn = true;
  for (const line of rules.split("\n")) {
    const rule = line.trim();
    if (rule === "" || rule.startsWith("#")) continue;
    const isException = rule.startsWith("!");
    if (patternOf(isException ? rule.slice(1) : rule).test(file)) isIn = isException;
  }
  return isIn;
}

/** A rule stands for a path and for all that lies beneath it. */
function patternOf(rule: string): RegExp {
  const source = rule.replaceAll(/\*\*\/|\*|[.+^${}()|[\]\\]/g, (found) => {
    if (found === "**/") return "(?:.*/)?";
    return found === "*" ? "[^/]*" : `\\${found}`;
  });
  return new RegExp(`^${source}(?:/|$)`);
}
