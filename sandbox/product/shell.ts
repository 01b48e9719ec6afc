export type Output = {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
};

export type Program = (args: readonly string[], input: string) => Promise<Output>;

/**
 * The little of a shell that is asked of a container: programs by their names, `;`, `&&`, `||` and `|`, variables, and
 * files that exist for as long as the command. A program that is not there, or a word of the shell that is not
 * understood, ends as it does in a real one.
 */
export async function runShell(
  command: string,
  programs: Readonly<Record<string, Program>>,
): Promise<{ readonly exitCode: number; readonly output: string }> {
  const parts = tokensOf(command);
  if (parts === undefined) return { exitCode: 2, output: "sh: 1: Syntax error\n" };
  const shell: Shell = { programs, files: new Map(), variables: new Map(), written: [] };
  let status = 0;
  for (const { runs, pipeline } of pipelinesOf(parts)) {
    if (runs === "if-ok" ? status !== 0 : runs === "if-not" && status === 0) continue;
    const ended = await runPipeline(shell, pipeline, status);
    status = ended.exitCode;
    if (ended.exits) break;
  }
  return { exitCode: status, output: shell.written.join("") };
}

type Shell = {
  readonly programs: Readonly<Record<string, Program>>;
  readonly files: Map<string, string>;
  readonly variables: Map<string, string>;
  /** Both outputs of everything, in the order in which it was written. */
  readonly written: string[];
};

/** A word keeps its quotes until its variables were filled in. */
const TOKEN =
  /\s*(?:(?<operator>&&|\|\||[;|\n])|(?<redirection>2>&1|>&2|1>&2|2>>?|1?>>?)|(?<word>(?:'[^']*'|"[^"]*"|[^\s;|&<>'"`()\\])+))/y;

type Token = { readonly kind: "operator" | "redirection" | "word"; readonly text: string };

function tokensOf(command: string): readonly Token[] | undefined {
  const tokens: Token[] = [];
  const text = command.trim();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const { operator, redirection, word } = TOKEN.exec(text)?.groups ?? {};
    if (operator !== undefined) tokens.push({ kind: "operator", text: operator });
    else if (redirection !== undefined) tokens.push({ kind: "redirection", text: redirection });
    else if (word !== undefined && !word.includes("$(")) tokens.push({ kind: "word", text: word });
    else return undefined;
  }
  return tokens;
}

type Pipeline = readonly (readonly Token[])[];

function pipelinesOf(
  tokens: readonly Token[],
): { readonly runs: "always" | "if-ok" | "if-not"; readonly pipeline: Pipeline }[] {
  const pipelines: { runs: "always" | "if-ok" | "if-not"; pipeline: Token[][] }[] = [
    { runs: "always", pipeline: [[]] },
  ];
  for (const token of tokens) {
    const { pipeline } = pipelines.at(-1)!;
    if (token.kind !== "operator") pipeline.at(-1)!.push(token);
    else if (token.text === "|") pipeline.push([]);
    else {
      const runs = token.text === "&&" ? "if-ok" : token.text === "||" ? "if-not" : "always";
      pipelines.push({ runs, pipeline: [[]] });
    }
  }
  return pipelines.filter(({ pipeline }) => pipeline.some((tokens) => tokens.length > 0));
}

type Ended = { readonly exitCode: number; readonly exits: boolean };

/** Its status is that of its last program, whatever became of the others. */
async function runPipeline(shell: Shell, pipeline: Pipeline, status: number): Promise<Ended> {
  let input = "";
  let ended: Ended = { exitCode: status, exits: false };
  for (const [index, tokens] of pipeline.entries()) {
    const { words, redirections } = readCommand(shell, tokens, status);
    const exits = words[0] === "exit";
    const output = await runProgram(shell, words, input, status);
    const passedOn = redirect(shell, output, redirections);
    input = passedOn.stdout;
    shell.written.push(passedOn.stderr);
    if (index === pipeline.length - 1) shell.written.push(passedOn.stdout);
    ended = { exitCode: output.exitCode, exits };
  }
  return ended;
}

type Redirection = { readonly kind: string; readonly file: string };

function readCommand(
  shell: Shell,
  tokens: readonly Token[],
  status: number,
): { readonly words: readonly string[]; readonly redirections: readonly Redirection[] } {
  const words: string[] = [];
  const redirections: Redirection[] = [];
  let wanting: string | undefined;
  for (const { kind, text } of tokens) {
    if (kind === "redirection") {
      if (text.includes("&")) redirections.push({ kind: text, file: "" });
      else wanting = text;
      continue;
    }
    const word = filledIn(shell, text, status);
    if (wanting === undefined) words.push(word);
    else redirections.push({ kind: wanting, file: word });
    wanting = undefined;
  }
  return { words, redirections };
}

function filledIn({ variables }: Shell, word: string, status: number): string {
  return word.replaceAll(
    /'([^']*)'|"([^"]*)"|([^'"]+)/g,
    (_all, literal?: string, quoted?: string, plain?: string) =>
      literal ??
      (quoted ?? plain ?? "").replaceAll(/\$(?:(\?)|\{?(\w+)\}?)/g, (_found, last, name: string) =>
        last === undefined ? (variables.get(name) ?? "") : String(status),
      ),
  );
}

async function runProgram(
  shell: Shell,
  words: readonly string[],
  input: string,
  status: number,
): Promise<Output> {
  const [first = "", ...rest] = words;
  const assignment = /^(\w+)=([^]*)$/.exec(first);
  if (assignment !== null) {
    // Before a program it would hold for that program alone, and none here reads the environment.
    if (rest.length > 0) return runProgram(shell, rest, input, status);
    shell.variables.set(assignment[1]!, assignment[2]!);
    return { exitCode: 0, stdout: "", stderr: "" };
  }
  const program = { ...builtIn(shell, status), ...shell.programs }[first];
  if (program !== undefined) return program(rest, input);
  return { exitCode: 127, stdout: "", stderr: `sh: 1: ${first}: not found\n` };
}

const said = (stdout: string, exitCode = 0): Output => ({ exitCode, stdout, stderr: "" });

function builtIn({ files }: Shell, status: number): Record<string, Program> {
  const content = (name: string | undefined, input: string): string =>
    name === undefined ? input : (files.get(name) ?? "");
  return {
    true: async () => said(""),
    false: async () => said("", 1),
    cd: async () => said(""),
    exit: async ([code]) => said("", code === undefined ? status : Number(code)),
    echo: async (words) => said(`${words.join(" ")}\n`),
    cat: async ([name], input) => said(content(name, input)),
    tail: async ([, count, name], input) => said(content(name, input).slice(-Number(count))),
  };
}

/** From left to right: what goes to the other output goes where that leads at this moment. */
function redirect(
  { files }: Shell,
  { stdout, stderr }: Output,
  redirections: readonly Redirection[],
): { readonly stdout: string; readonly stderr: string } {
  const passed = { stdout: "", stderr: "" };
  const sink = (file: string) => (text: string) => {
    files.set(file, (files.get(file) ?? "") + text);
  };
  let out = (text: string): void => {
    passed.stdout += text;
  };
  let err = (text: string): void => {
    passed.stderr += text;
  };
  for (const { kind, file } of redirections) {
    if (kind === "2>&1") err = out;
    else if (kind.endsWith("&2")) out = err;
    else {
      if (!kind.endsWith(">>")) files.set(file, "");
      const to = file === "/dev/null" ? (): void => undefined : sink(file);
      if (kind.startsWith("2")) err = to;
      else out = to;
    }
  }
  // What goes wrong is told before what was found out.
  err(stderr);
  out(stdout);
  return passed;
}
