import type { Effects } from "../effects.ts";
import type { Gate } from "../gate.ts";
import type { Database } from "./database.ts";
import type { LanguageModel } from "./language-model.ts";
import type { Preflight } from "./preflight.ts";
import type { RedisLink } from "./redis-link.ts";
import type { ProductSettings } from "./settings.ts";
import type { TodoistLink } from "./todoist-link.ts";

/** What every endpoint and every job works with. */
export type Product = {
  readonly settings: ProductSettings;
  readonly database: Database;
  readonly redis: RedisLink;
  readonly model: LanguageModel;
  readonly todoist: TodoistLink;
  readonly preflight: Preflight;
  readonly effects: Effects;
  readonly switches: Switches;
};

/** What a fault can turn in the API itself. */
export type Switches = {
  readonly gate: Gate;
  failsAlways: boolean;
  acceptsStrangers: boolean;
  forgetsTokens: boolean;
  metricsWithoutCounters: boolean;
  /** What Telegram must send along; empty switches the check off. */
  webhookSecret: string;
};
