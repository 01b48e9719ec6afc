import { describe, expect, test } from "vitest";

import { readEnvironment, type Surroundings } from "./environment.ts";
import { realTiming } from "./settings.ts";

const surroundings: Surroundings = {
  telegramUrl: "http://telegram.example",
  todoistUrl: "http://todoist.example",
  proxySecret: "behind the proxy",
  timing: realTiming,
};
const variables = {
  DATABASE_URL: "postgresql+asyncpg://product:password@db:5432/app",
  REDIS_URL: "redis://:password@redis:6379/0",
  APP_AUTH_BEARER_TOKENS: "one, two,test_user_2",
  LLM_API_KEY: "key",
  LLM_MODEL_EXTRACT: "m",
  LLM_MODEL_QUERY: "m",
  LLM_MODEL_PLAN: "m",
  LLM_MODEL_SUMMARIZE: "m",
};
const read = (given: Record<string, string | undefined> = {}) => {
  const entries = Object.entries({ ...variables, ...given });
  const defined = entries.filter((entry): entry is [string, string] => entry[1] !== undefined);
  return readEnvironment(Object.fromEntries(defined), "A", surroundings);
};

describe("the environment of the product", () => {
  test("is read with what its surroundings offer where it says nothing", () => {
    expect(read()).toMatchObject({
      environment: "dev",
      databaseUrl: "postgresql://product:password@db:5432/app",
      webhookSecret: "",
      takesSeveralWebhookSecrets: false,
      modelUrl: "",
      telegramUrl: "http://telegram.example",
      todoistUrl: "http://todoist.example",
    });
    const changed = read({ TODOIST_API_BASE: "http://elsewhere", APP_ENV: "production" });
    expect(changed).toMatchObject({ todoistUrl: "http://elsewhere", environment: "production" });
  });

  test("takes tokens from a list and from a map, and the map knows whose they are", () => {
    const settings = read({ APP_AUTH_TOKEN_USER_MAP: "two:usr_mira, three:usr_otto" });
    expect(settings).toMatchObject({
      tokens: new Map([
        ["one", "usr_dev"],
        ["two", "usr_mira"],
        ["test_user_2", "usr_2"],
        ["three", "usr_otto"],
      ]),
    });
  });

  test.each(Object.keys(variables))("without %s ends in an error that shows others", (name) => {
    const ended = read({ [name]: undefined }) as { readonly lastWords: readonly string[] };
    const text = ended.lastWords.join("\n");
    expect(text).toContain(`1 validation error for Settings\n${name}\n`);
    expect(text).toMatch(/password/);
  });

  test("bears an empty value, which is not a missing one", () => {
    expect(read({ LLM_API_KEY: "", APP_AUTH_BEARER_TOKENS: "" })).toMatchObject({
      modelKey: "",
      tokens: new Map(),
    });
  });

  test.each([
    ["DATABASE_URL", "postgresql://product:password@db/app", "No module named 'psycopg2'"],
    ["DATABASE_URL", "", "No module named 'psycopg2'"],
    ["REDIS_URL", "localhost:6379", "must specify one of the following schemes"],
  ])("does not start with %s=%s", (name, value, words) => {
    const ended = read({ [name]: value }) as { readonly lastWords: readonly string[] };
    expect(ended.lastWords.join("\n")).toContain(words);
  });
});
