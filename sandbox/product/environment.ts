import type { Revision } from "./revision.ts";
import type { ProductSettings, ProductTiming } from "./settings.ts";

export type Variables = Readonly<Record<string, string>>;

/** What the world around the product is when its variables do not say otherwise. */
export type Surroundings = {
  readonly telegramUrl: string;
  readonly todoistUrl: string;
  readonly proxySecret: string;
  readonly timing: ProductTiming;
};

const REQUIRED = [
  "DATABASE_URL",
  "REDIS_URL",
  "APP_AUTH_BEARER_TOKENS",
  "LLM_API_KEY",
  "LLM_MODEL_EXTRACT",
  "LLM_MODEL_QUERY",
  "LLM_MODEL_PLAN",
  "LLM_MODEL_SUMMARIZE",
];

/** What a service reads at its start, or the last words of one that cannot start with it. */
export function readEnvironment(
  variables: Variables,
  revision: Revision,
  surroundings: Surroundings,
): ProductSettings | { readonly lastWords: readonly string[] } {
  const missing = REQUIRED.filter((name) => !Object.hasOwn(variables, name));
  if (missing.length > 0) return { lastWords: validationError(variables, missing) };
  const read = (name: string, otherwise = ""): string => variables[name] ?? otherwise;
  const databaseUrl = read("DATABASE_URL");
  if (!databaseUrl.startsWith("postgresql+asyncpg://")) {
    // The only driver in the image is the asynchronous one.
    return { lastWords: ["ModuleNotFoundError: No module named 'psycopg2'"] };
  }
  const redisUrl = read("REDIS_URL");
  if (!/^rediss?:\/\//.test(redisUrl)) {
    const words = "ValueError: Redis URL must specify one of the following schemes";
    return { lastWords: [`${words} (redis://, rediss://, unix://)`] };
  }
  return {
    revision,
    environment: read("APP_ENV", "dev"),
    databaseUrl: databaseUrl.replace("postgresql+asyncpg:", "postgresql:"),
    redisUrl,
    tokens: tokensOf(read("APP_AUTH_BEARER_TOKENS"), read("APP_AUTH_TOKEN_USER_MAP")),
    webhookSecret: read("TELEGRAM_WEBHOOK_SECRET"),
    takesSeveralWebhookSecrets: read("TELEGRAM_WEBHOOK_SECRETS_LISTED") === "true",
    telegramUrl: read("TELEGRAM_API_BASE", surroundings.telegramUrl),
    botToken: read("TELEGRAM_BOT_TOKEN"),
    modelUrl: read("LLM_API_BASE_URL"),
    modelKey: read("LLM_API_KEY"),
    todoistUrl: read("TODOIST_API_BASE", surroundings.todoistUrl),
    todoistToken: read("TODOIST_TOKEN"),
    proxySecret: surroundings.proxySecret,
    timing: surroundings.timing,
  };
}

/** The map names users; a token that stands in the list alone is the first user's, and one in the map alone counts too. */
function tokensOf(list: string, map: string): ReadonlyMap<string, string> {
  const parts = (text: string): string[] =>
    text
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== "");
  const listed = parts(list).map((token): [string, string] => [
    token,
    token === "test_user_2" ? "usr_2" : "usr_dev",
  ]);
  const mapped = parts(map).map((pair): [string, string] => {
    const [token = "", user = ""] = pair.split(":");
    return [token, user];
  });
  return new Map([...listed, ...mapped]);
}

/** It shows what it was given, the secrets among it. */
function validationError(variables: Variables, missing: readonly string[]): readonly string[] {
  const given = Object.entries(variables)
    .map(([name, value]) => `'${name}': '${value}'`)
    .join(", ");
  const errors =
    missing.length === 1 ? "1 validation error" : `${missing.length} validation errors`;
  return [
    "Traceback (most recent call last):",
    '  File "/app/backend/common/config.py", line 61, in <module>',
    "    settings = Settings()",
    `pydantic_core._pydantic_core.ValidationError: ${errors} for Settings`,
    ...missing.flatMap((name) => [
      name,
      `  Field required [type=missing, input_value={${given.slice(0, SHOWN)}}, input_type=dict]`,
    ]),
  ];
}

/** As much of what was given stands in the error. */
const SHOWN = 400;
