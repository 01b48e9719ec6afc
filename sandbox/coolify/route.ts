import { mayDo } from "./authentication.ts";
import type { Deployer } from "./deployer.ts";
import type { CoolifyMood } from "./mood.ts";
import { invalidRequest, notFound } from "./refusal.ts";
import type { Ability, ApplicationRow, CoolifyState, TokenRow } from "./rows.ts";
import type { Runtime } from "./runtime.ts";
import type { TaskRunner } from "./task-runner.ts";

export type CoolifyRequest = {
  readonly state: CoolifyState;
  readonly token: TokenRow;
  readonly seesHidden: boolean;
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly text: string;
  readonly mood: CoolifyMood;
  readonly runtime: Runtime;
  readonly deployer: Deployer;
  readonly tasks: TaskRunner;
  /** Counts an effect. */
  readonly did: (effect: CoolifyEffect) => void;
};

type CoolifyEffect =
  | "deployments"
  | "rollbacks"
  | "deploymentsCancelled"
  | "applicationsStopped"
  | "applicationsChanged"
  | "autoDeployChanged"
  | "variablesWritten"
  | "tasksWritten"
  | "tasksExecuted";

/** A string is answered as plain text, which Coolify calls HTML; everything else as JSON. */
export type Route = {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly ability: Ability;
  /** 200 unless it says otherwise. */
  readonly status?: 201;
  answer(request: CoolifyRequest): unknown;
};

export function readRoute(path: string, answer: Route["answer"]): Route {
  return { method: "GET", path, ability: "read", answer };
}

export function seesHidden(token: TokenRow): boolean {
  return mayDo(token, "read:sensitive");
}

/** An application of the token's team. There is one team here, so another team's does not exist at all. */
export function applicationOf({ state, parameters }: CoolifyRequest): ApplicationRow {
  const found = state.applications.find((each) => each.uuid === parameters["uuid"]);
  if (found === undefined) throw notFound("Application");
  return found;
}

/** A body that says something; texts are trimmed and an empty one becomes null, as the framework does. */
export function bodyOf(request: CoolifyRequest): Readonly<Record<string, unknown>> {
  if (!/^application\/json\b/i.test(request.contentType)) throw invalidRequest();
  let body: unknown;
  try {
    body = JSON.parse(request.text);
  } catch {
    throw invalidRequest();
  }
  if (typeof body !== "object" || body === null || Object.keys(body).length === 0) {
    throw invalidRequest();
  }
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, trimmed(value)]));
}

function trimmed(value: unknown): unknown {
  if (typeof value !== "string") return value;
  const text = value.trim();
  return text === "" ? null : text;
}
