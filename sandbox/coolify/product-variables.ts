import type { WorldSecrets } from "../world-secrets.ts";

type Variables = Readonly<Record<string, string>>;

/** The environments of the product's services, as somebody has typed them into Coolify. */
export type ProductVariables = Readonly<
  Record<"api" | "worker" | "stagingApi" | "stagingWorker", Variables>
>;

export function productVariables(options: {
  readonly secrets: WorldSecrets;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly modelUrl: string;
}): ProductVariables {
  const { secrets } = options;
  const production = {
    APP_ENV: "production",
    DATABASE_URL: options.databaseUrl.replace(/^postgres(?:ql)?:/, "postgresql+asyncpg:"),
    REDIS_URL: options.redisUrl,
    APP_AUTH_BEARER_TOKENS: secrets.apiToken,
    LLM_API_BASE_URL: options.modelUrl,
    LLM_API_KEY: secrets.xaiKey,
    ...models,
  };
  const staging = {
    ...production,
    APP_ENV: "staging",
    DATABASE_URL: `postgresql+asyncpg://staging:${secrets.stagingDatabasePassword}@staging-postgres:5432/todoist_telegram`,
    REDIS_URL: `redis://:${secrets.stagingRedisPassword}@staging-redis:6379/0`,
    APP_AUTH_BEARER_TOKENS: secrets.stagingApiToken,
  };
  return {
    api: {
      ...production,
      TELEGRAM_BOT_TOKEN: secrets.productBotToken,
      TELEGRAM_WEBHOOK_SECRET: secrets.webhookSecret,
    },
    worker: { ...production, TODOIST_TOKEN: secrets.todoistToken },
    stagingApi: {
      ...staging,
      TELEGRAM_BOT_TOKEN: secrets.stagingProductBotToken,
      TELEGRAM_WEBHOOK_SECRET: secrets.stagingWebhookSecret,
    },
    stagingWorker: { ...staging, TODOIST_TOKEN: secrets.stagingTodoistToken },
  };
}

const models = {
  LLM_MODEL_EXTRACT: "grok-4-fast",
  LLM_MODEL_QUERY: "grok-4-fast",
  LLM_MODEL_PLAN: "grok-4-fast",
  LLM_MODEL_SUMMARIZE: "grok-3-mini",
};
