import { randomUUID } from "node:crypto";

import { Hono } from "hono";
import { z } from "zod";

import type { Effects } from "./effects.ts";
import { createGate } from "./gate.ts";
import { startHttpServer } from "./http-server.ts";
import { createXaiKeys, TEAM, xaiManagement } from "./xai-keys.ts";

/** What xAI does with a request that carries a good key. */
type XaiMood = "answers" | "hangs" | "fails" | "babbles";

export type Xai = AsyncDisposable & {
  /** The base of the API, with its version: `http://127.0.0.1:1234/v1`. */
  readonly url: string;
  /** The base of the API by which keys are made: `http://127.0.0.1:1234`. */
  readonly managementUrl: string;
  readonly key: string;
  /** The names of all keys that it accepts, in the order of their making. */
  accepted(): readonly string[];
  /** What a key may do, and how often. */
  rightsOf(name: string): object | undefined;
  /** All keys that it has ever made, whether it accepts them or not. */
  made(): readonly string[];
  /** A person makes one in the console, with every permission; gives back the key. */
  makeByHand(name: string): string;
  disableByHand(key: string): void;
  /** The page on which a person sees and makes the keys of the team. */
  readonly console: {
    list(): readonly {
      readonly id: string;
      readonly name: string;
      readonly ending: string;
      readonly isDisabled: boolean;
    }[];
    /** With every permission; gives back the key, which is shown once. */
    create(name: string): string;
    setDisabled(id: string, disabled: boolean): void;
    remove(id: string): void;
  };
  readonly team: string;
  /** New keys do not come to be known everywhere, or at last they do. */
  setSlow(slow: boolean): void;
  setRevoked(revoked: boolean): void;
  setMood(mood: XaiMood): void;
};

const models = ["grok-4-fast", "grok-3-mini"];

const completionRequest = z.object({
  model: z.string(),
  messages: z
    .array(z.object({ role: z.enum(["system", "user", "assistant"]), content: z.string() }))
    .min(1),
});
type Messages = z.output<typeof completionRequest>["messages"];

export async function startXai(options: {
  readonly key: string;
  readonly managementKey?: string;
  readonly effects: Effects;
  /** A password that it tells everybody when it fails. */
  readonly indiscretion?: string;
}): Promise<Xai> {
  const { key, managementKey, effects, indiscretion = "" } = options;
  const gate = createGate();
  const keys = createXaiKeys({ key, effects });
  let mood: XaiMood = "answers";

  const app = new Hono();
  app.use("/v1/*", async (context, next) => {
    const token = bearer(context.req.header("authorization"));
    if (token === undefined || !keys.accepts(token, context.req.path)) {
      effects.add("xaiRefusals");
      // The real service calls a wrong key a bad request and only a missing one unauthorized.
      if (token === undefined) return context.json(missingKey, 401);
      return context.json(wrongKey(token), 400);
    }
    await gate.passing();
    if (mood === "fails") {
      const error = `Internal error: no connection to postgresql://usage:${indiscretion}@usage-db:5432/usage`;
      return context.json({ code: "internal", error }, 500);
    }
    if (mood === "babbles") return context.html("<html><body>upstream says hello</body></html>");
    return next();
  });
  app.get("/v1/api-key", (context) => {
    return context.json(keys.own(bearer(context.req.header("authorization")) ?? ""));
  });
  app.get("/v1/models", (context) => {
    effects.add("xaiModelCalls");
    const data = models.map((id) => ({
      id,
      created: 1_762_000_000,
      object: "model",
      owned_by: "xai",
    }));
    return context.json({ object: "list", data });
  });
  app.post("/v1/chat/completions", async (context) => {
    const body = completionRequest.safeParse(await context.req.json().catch(() => undefined));
    if (!body.success) {
      return context.json({ code: invalidArgument, error: z.prettifyError(body.error) }, 400);
    }
    if (!models.includes(body.data.model)) {
      const error = `The model ${body.data.model} does not exist or your team does not have access to it.`;
      return context.json({ code: "Some requested entity was not found", error }, 404);
    }
    effects.add("xaiCompletions");
    return context.json(completion(body.data.model, reply(body.data.messages)));
  });

  if (managementKey !== undefined) app.route("/auth", xaiManagement(managementKey, keys));

  const create = (name: string): string =>
    keys.make({ name, acls: ["api-key:model:*", "api-key:endpoint:*"], limits: {} }).key;
  const server = await startHttpServer(app.fetch);
  return {
    url: `${server.url}/v1`,
    managementUrl: server.url,
    key,
    accepted: () => keys.list().flatMap(({ name, disabled }) => (disabled ? [] : [name])),
    rightsOf(name) {
      const key = keys.list().find((one) => one.name === name);
      return key && { acls: key.acls, limits: key.limits };
    },
    made: () => keys.made(),
    makeByHand: create,
    disableByHand(key) {
      const found = keys.list().find((one) => one.key === key);
      if (found) keys.setDisabled(found.id, true);
    },
    console: {
      list: () =>
        keys.list().map(({ id, name, key, disabled }) => ({
          id,
          name,
          ending: key.slice(-4),
          isDisabled: disabled,
        })),
      create,
      setDisabled: (id, disabled) => void keys.setDisabled(id, disabled),
      remove: (id) => void keys.remove(id),
    },
    team: TEAM,
    setSlow: (value) => keys.setSlow(value),
    setRevoked: (value) => keys.setRevoked(value),
    setMood: (value) => {
      mood = value;
      if (value === "hangs") gate.shut();
      else gate.open();
    },
    [Symbol.asyncDispose]: async () => {
      gate.open();
      await server[Symbol.asyncDispose]();
    },
  };
}

const invalidArgument = "Client specified an invalid argument";
const missingKey = {
  code: "Unauthorized",
  error: "No API key was provided. Send it in the header Authorization: Bearer <key>.",
};

/** The real service shows the two first and two last characters of what it was given. */
function wrongKey(token: string): { code: string; error: string } {
  const shown = `${token.slice(0, 2)}***${token.slice(-2)}`;
  return {
    code: invalidArgument,
    error: `Incorrect API key provided: ${shown}. You can obtain an API key from https://console.x.ai.`,
  };
}

function bearer(header: string | undefined): string | undefined {
  return /^Bearer (.+)$/.exec(header ?? "")?.[1];
}

/**
 * The product asks three things and says which in its system prompt: to extract what a thought asks for, to answer a
 * question, or to summarize. The answers are plain functions of the question, so a test can foretell them.
 */
function reply(messages: Messages): string {
  const task = messages.find((message) => message.role === "system")?.content ?? "";
  const text = messages.findLast((message) => message.role === "user")?.content.trim() ?? "";
  if (task.startsWith("Extract")) {
    return JSON.stringify({
      tasks: [{ title: text.slice(0, 120) }],
      problems: [],
      goals: [],
      links: [],
    });
  }
  if (task.startsWith("Answer")) {
    return JSON.stringify({ answer: `Here is what I know about: ${text}`, confidence: 0.82 });
  }
  return `Summary: ${text.slice(0, 200)}`;
}

function completion(model: string, content: string): object {
  return {
    id: randomUUID(),
    object: "chat.completion",
    created: Math.floor(Date.now() / 1000),
    model,
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    usage: {
      prompt_tokens: 120,
      completion_tokens: 30,
      total_tokens: 150,
      prompt_tokens_details: { cached_tokens: 20 },
    },
  };
}
