import { setTimeout as sleep } from "node:timers/promises";

import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";

import type { Effects } from "../effects.ts";
import { createGate } from "../gate.ts";
import { type HttpServer, startHttpServer } from "../http-server.ts";
import { quietPort } from "../quiet-port.ts";
import { admit, authenticate, demand } from "./authentication.ts";
import { activeDeployments, createDeployer, type Deployer, isUnderWay } from "./deployer.ts";
import { type CoolifyMood, goodMood } from "./mood.ts";
import { createRateLimit } from "./rate-limit.ts";
import { Refusal } from "./refusal.ts";
import { type Route, seesHidden } from "./route.ts";
import { routes } from "./routes/index.ts";
import type { CoolifyState, DeploymentRow } from "./rows.ts";
import { emptyRuntime, type Runtime } from "./runtime.ts";
import { createTaskRunner } from "./task-runner.ts";

type CoolifyCall = {
  readonly method: string;
  /** Below `/api/v1`, with its query. */
  readonly path: string;
  readonly status: number;
};

export type CoolifyServer = AsyncDisposable & {
  /** Without `/api/v1`. */
  readonly url: string;
  /** What this Coolify knows; faults and tests write to it. */
  readonly state: CoolifyState;
  readonly mood: CoolifyMood;
  readonly push: Deployer["push"];
  /** Waits until nothing more becomes of a deployment, or for as long as anybody would. */
  ended(row: DeploymentRow): Promise<void>;
  /** The newest last. */
  calls(): readonly CoolifyCall[];
  /** Connections are refused until it is started again, on the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Requests get no answer until it is thawed. */
  freeze(): void;
  thaw(): void;
};

export type CoolifyOptions = {
  readonly state: CoolifyState;
  readonly effects: Pick<Effects, "add">;
  readonly requestsPerMinute?: number;
  /** Where containers run; nowhere unless told otherwise. */
  readonly runtime?: Runtime;
  /** How long a deployment takes from one state to the next. */
  readonly stepMs?: number;
  /** How long a command in a container takes before it is begun, and before each time that it is repeated. */
  readonly commandPausesMs?: readonly number[];
  /** What is pushed when somebody pushes in the middle of a deployment. */
  readonly nextCommit?: string;
  /** Told where the branch stands from now on. */
  readonly onPush?: (commit: string) => void;
  readonly now?: () => Date;
};

const CALLS_KEPT = 2_000;
const SLOW_MS = 3_000;
const STEP_MS = 1_500;
/** More steps than a deployment makes when it has to wait for another one. */
const LOOKS = 12;
/** The command is tried anew after what looks like trouble of the network. */
const COMMAND_PAUSES_MS = [500, 2_000, 4_000];

/** A Coolify 4.3.11 as its controllers behave, with one team. */
export async function startCoolify(options: CoolifyOptions): Promise<CoolifyServer> {
  const { state, runtime = emptyRuntime, now = () => new Date() } = options;
  const mood = goodMood();
  const { nextCommit = state.branchHead, onPush = () => undefined } = options;
  const deployer = createDeployer({ state, mood, runtime, nextCommit, onPush, now });
  const pausesMs = options.commandPausesMs ?? COMMAND_PAUSES_MS;
  const ending = new AbortController();
  const tasks = createTaskRunner({ state, runtime, pausesMs, now, signal: ending.signal });
  const perMinute = options.requestsPerMinute ?? Number.POSITIVE_INFINITY;
  const rateLimit = createRateLimit(perMinute, () => now().getTime());
  const gate = createGate();
  const calls: CoolifyCall[] = [];

  async function answer(route: Route, context: Context): Promise<Response> {
    try {
      const token = authenticate(state, context.req.header("authorization"));
      for (const [name, value] of Object.entries(rateLimit.spend(`user ${token.user_id}`))) {
        context.header(name, value);
      }
      admit(state, "127.0.0.1");
      demand(state, token, route.ability);
      if (mood.answers === "slowly") await sleep(SLOW_MS, undefined, { signal: ending.signal });
      if (mood.answers === "too-many-requests") {
        throw new Refusal(429, { message: "Too Many Attempts." }, { "retry-after": "20" });
      }
      const answered = await route.answer({
        state,
        token,
        seesHidden: seesHidden(token),
        parameters: context.req.param(),
        query: context.req.query(),
        contentType: context.req.header("content-type") ?? "",
        text: await context.req.text(),
        mood,
        runtime,
        deployer,
        tasks,
        did: (effect) => options.effects.add(effect),
      });
      if (route.method !== "GET" && mood.acceptances === "lost-in-an-error") {
        throw new Refusal(500, { message: "Server Error" });
      }
      if (route.method !== "GET" && mood.acceptances === "cut") cutOff(context);
      if (typeof answered === "string") return context.html(answered);
      return context.json(answered, route.status ?? 200);
    } catch (error) {
      if (error instanceof Refusal) return refused(context, error);
      throw error;
    }
  }

  const app = new Hono();
  app.use("*", async (context, next) => {
    await gate.passing();
    await next();
    const { pathname, search } = new URL(context.req.url);
    const path = `${pathname.replace(/^\/api\/v1/, "")}${search}`;
    calls.push({ method: context.req.method, path, status: context.res.status });
    calls.splice(0, calls.length - CALLS_KEPT);
  });
  app.get("/api/health", (context) => context.html("OK"));
  app.get("/api/v1/health", (context) => context.html("OK"));
  for (const route of routes) {
    app.on(route.method, `/api/v1${route.path}`, (context) => answer(route, context));
  }
  // What was a GET in older versions says so, whatever the token may do.
  for (const path of ["/deploy", "/applications/:uuid/start", "/applications/:uuid/stop"]) {
    app.get(`/api/v1${path}`, (context) => {
      const message = "This endpoint has changed to a POST request.";
      return context.json({ message }, 405, { allow: "POST" });
    });
  }
  app.notFound((context) =>
    context.json({ message: "Not found.", docs: "https://coolify.io/docs" }, 404),
  );
  app.onError((_error, context) => context.json({ message: "Server Error" }, 500));

  const port = await quietPort();
  let server: HttpServer | undefined = await startHttpServer(app.fetch, port);
  const url = server.url;
  const timer = setInterval(() => {
    const isBusy = activeDeployments(state).length > 0;
    if (isBusy || state.deployments.some(isSettling)) void deployer.advance();
  }, options.stepMs ?? STEP_MS);
  timer.unref();

  const stop = async (): Promise<void> => {
    await server?.[Symbol.asyncDispose]();
    server = undefined;
  };
  return {
    url,
    state,
    mood,
    push: deployer.push,
    ended: async (row) => {
      const lookMs = options.stepMs ?? STEP_MS;
      for (let looks = 0; looks < LOOKS && (isUnderWay(row) || isSettling(row)); looks += 1) {
        await sleep(lookMs, undefined, { signal: ending.signal });
      }
    },
    calls: () => [...calls],
    stop,
    start: async () => {
      server ??= await startHttpServer(app.fetch, port);
    },
    freeze: gate.shut,
    thaw: gate.open,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      ending.abort();
      gate.open();
      await stop();
    },
  };
}

/** The connection ends without an answer, after everything was done. */
function cutOff({ env }: Context): void {
  (env as HttpBindings).incoming.socket.destroy();
}

function isSettling(row: DeploymentRow): boolean {
  return row.status === "finished" && row.finished_at === null;
}

/** A caller that does not ask for JSON is taken for a browser. */
function refused(context: Context, { status, body, headers }: Refusal): Response {
  const wantsJson = /\bjson\b/.test(context.req.header("accept") ?? "");
  if (wantsJson || status === 403 || status === 404) {
    return Response.json(body, { status, headers });
  }
  if (status === 401) return context.redirect("/login");
  const page = `<!doctype html><title>${status}</title>`;
  return new Response(page, { status, headers: { ...headers, "content-type": "text/html" } });
}
