import { nearest } from "../../core/nearest.ts";
import type { Flow, FlowStep, Look } from "./flow-settings.ts";
import { sqlProblem } from "./flow-sql.ts";
import { hasStrayBraces, namesIn, RUN_VARIABLE, VARIABLE_NAME } from "./flow-variables.ts";

/** What is wrong with a flow as a whole, by its path below the flow. */
export type FlowProblem = {
  readonly path: readonly (string | number)[];
  readonly message: string;
};

type Path = FlowProblem["path"];

/** Reads a flow in its order, as it would be run: whatever a step uses has to be known by then. */
export function flowProblems(flow: Flow): readonly FlowProblem[] {
  const problems: FlowProblem[] = [];
  const known = new Set([RUN_VARIABLE]);
  const names = new Set<string>();
  const left = new Set<string>();
  const placed = [
    ...flow.steps.map((step, index) => ({ step, path: ["steps", index] })),
    ...flow.cleanup.map((step, index) => ({ step, path: ["cleanup", index] })),
  ];
  for (const { step, path } of placed) {
    if (names.has(step.name)) {
      problems.push({ path: [...path, "name"], message: "is the name of an earlier step already" });
    }
    names.add(step.name);
    problems.push(...stepProblems(step, path), ...variableProblems(inputsOf(step), known, path));
    for (const name of Object.keys(step.capture)) {
      if (known.has(name)) {
        const message =
          name === RUN_VARIABLE
            ? "is the run's own name"
            : "is captured by an earlier step already";
        problems.push({ path: [...path, "capture", name], message });
      }
      known.add(name);
    }
    // What a step leaves may be named by what the same step has learnt.
    problems.push(...variableProblems({ leaves: step.leaves }, known, path));
    if (step.removes !== undefined && !left.has(step.removes)) {
      const message = `expected the words of a \`leaves\` of an earlier step${meant(step.removes, [...left])}`;
      problems.push({ path: [...path, "removes"], message });
    }
    for (const thing of step.leaves ?? []) left.add(thing);
  }
  return problems;
}

/** All that is filled in before a step is done. */
function inputsOf({ capture: _capture, leaves: _leaves, removes: _removes, ...step }: FlowStep) {
  return step;
}

function variableProblems(value: unknown, known: ReadonlySet<string>, path: Path): FlowProblem[] {
  if (typeof value === "string") {
    if (hasStrayBraces(value)) {
      return [{ path, message: "expected a variable between its braces, such as {{run}}" }];
    }
    return namesIn(value).flatMap((name) => variableProblem(name, known, path));
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) =>
    variableProblems(member, known, [...path, Array.isArray(value) ? Number(name) : name]),
  );
}

function variableProblem(name: string, known: ReadonlySet<string>, path: Path): FlowProblem[] {
  if (known.has(name)) return [];
  // What is between the braces may be anything; only what could be a name is repeated.
  const message = VARIABLE_NAME.test(name)
    ? `no earlier step captures ${name}${meant(name, [...known])}`
    : "expected a variable of letters and digits between its braces, such as {{run}}";
  return [{ path, message }];
}

function meant(word: string, candidates: readonly string[]): string {
  const candidate = nearest(word, candidates);
  return candidate === undefined ? "" : `; did you mean ${candidate}?`;
}

function stepProblems(step: FlowStep, path: Path): FlowProblem[] {
  if (step.kind !== "wait-until") {
    return [
      ...lookProblems(step, path),
      ...(step.kind === "http" ? effectProblems(step, path) : []),
    ];
  }
  const { look, giveUp } = step;
  const lookPath = [...path, "look"];
  const problems = lookProblems(look, lookPath);
  if (look.kind === "http" && !isReading(look.method) && look.effect !== "none") {
    const message = "is repeated while waiting; expected GET, or effect: none";
    problems.push({ path: [...lookPath, "method"], message });
  }
  if (giveUp !== undefined && kindOf(giveUp.when) !== look.kind) {
    const message = `expected what a look of kind ${look.kind} may show`;
    problems.push({ path: [...path, "giveUp", "when"], message });
  }
  return problems;
}

function kindOf(expectation: object): Look["kind"] {
  if ("status" in expectation) return "http";
  return "length" in expectation ? "redis" : "sql";
}

function lookProblems(look: Look | FlowStep, path: Path): FlowProblem[] {
  switch (look.kind) {
    case "http": {
      const problems: FlowProblem[] = [];
      if (URL.parse(look.url)?.host.includes("{{") !== false) {
        const message = "expected variables in the path and the query alone, not in the host";
        problems.push({ path: [...path, "url"], message });
      }
      for (const [name, value] of Object.entries(look.headers ?? {})) {
        if (typeof value !== "string" || !value.includes("{{")) continue;
        problems.push({ path: [...path, "headers", name], message: "a header holds no variable" });
      }
      if (look.json !== undefined && isReading(look.method)) {
        problems.push({ path: [...path, "json"], message: `a ${look.method} carries no body` });
      }
      return problems;
    }
    case "sql": {
      const message = look.sql.includes("{{")
        ? "a variable goes into values, and $1 into the statement"
        : sqlProblem(look.sql, look.values.length);
      return message === undefined ? [] : [{ path: [...path, "sql"], message }];
    }
    case "redis":
    case "wait-until":
      return [];
  }
}

/** A request that may change something is sent again after a doubt, so it has to say why that does no harm. */
function effectProblems(
  step: Extract<FlowStep, { readonly kind: "http" }>,
  path: Path,
): FlowProblem[] {
  const { effect, method, idempotencyHeader } = step;
  if (isReading(method)) {
    return effect === "repeatable" || idempotencyHeader !== undefined
      ? [
          {
            path: [...path, "method"],
            message: `a ${method} changes nothing; expected no key and no effect`,
          },
        ]
      : [];
  }
  if (idempotencyHeader !== undefined && effect !== undefined) {
    const message = "stands beside idempotencyHeader; expected one of them";
    return [{ path: [...path, "effect"], message }];
  }
  if (idempotencyHeader !== undefined || effect !== undefined) return [];
  const message =
    `a ${method} may be sent twice; expected idempotencyHeader, ` +
    "or effect: none when it changes nothing, or effect: repeatable when twice is the same as once";
  return [{ path, message }];
}

export function isReading(method: string): boolean {
  return method === "GET" || method === "HEAD";
}
