import { readFileSync } from "node:fs";
import { join } from "node:path";

import { parse } from "yaml";

import { parseConfig, type ValidConfig } from "../../src/config/load-config.ts";

const file = join(import.meta.dirname, "../../ops/sandbox.yaml");

export type TestConfig = {
  readonly data: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Lines put behind the sandbox's own file, such as outside databases or a faster engine. */
  readonly more?: string;
  /** Lines put into its telegram settings, such as a webhook. */
  readonly telegram?: string;
};

/** The sandbox's own configuration, so that tests try what newcomers try, with a data folder of the test's own. */
export function configText({
  data,
  more = "",
  telegram = "",
}: Omit<TestConfig, "environment">): string {
  const text = readFileSync(file, "utf8")
    .replaceAll("${env:SANDBOX_DATA:-data/sandbox}", data)
    .replace(
      "  chat: -",
      `  # Tests need not wait for what only the real Telegram asks.\n  messagesPerMinute: 1000\n${telegram}\n  chat: -`,
    );
  return `${text}\n${more}\n`;
}

export function testConfig(config: TestConfig): ValidConfig {
  const loaded = parseConfig(configText(config), {
    environment: config.environment,
    readFile: (path) => readFileSync(path, "utf8"),
  });
  if (!loaded.ok) throw new Error(loaded.problems.map((problem) => problem.message).join("\n"));
  return loaded;
}

/** The checks of the sandbox, however many there are by now. */
export const CHECKS: readonly string[] = Object.keys(
  (parse(readFileSync(file, "utf8")) as { readonly checks: object }).checks,
);

/** Recovers in a moment, so that a test of recovery need not wait for it. */
export const FAST_ENGINE = "engine: { lease: 1500ms, reconcile: 300ms }";
