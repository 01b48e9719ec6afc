import { readFileSync } from "node:fs";
import { join } from "node:path";

import { parse, parseDocument, type Scalar, type YAMLMap } from "yaml";

import { parseConfig, type ValidConfig } from "../../src/config/load-config.ts";

const file = join(import.meta.dirname, "../../ops/sandbox.yaml");

export type TestConfig = {
  readonly data: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Lines put behind the sandbox's own file, such as outside databases or a faster engine. */
  readonly more?: string;
  /** Lines put into its telegram settings, such as a webhook. */
  readonly telegram?: string;
  /** Every check is asked each second, and its trouble is told and over at once. */
  readonly watches?: boolean;
  /** Changes words of the file. */
  readonly tune?: (text: string) => string;
};

/** The sandbox's own configuration, so that tests try what newcomers try, with a data folder of the test's own. */
export function configText({
  data,
  more = "",
  telegram = "",
  watches = false,
}: Omit<TestConfig, "environment" | "tune">): string {
  const text = (watches ? hastened : asItIs)(readFileSync(file, "utf8"))
    .replaceAll("${env:SANDBOX_DATA:-data/sandbox}", data)
    .replace(
      "  chat: -",
      `  # Tests need not wait for what only the real Telegram asks.\n  messagesPerMinute: 1000\n${telegram}\n  chat: -`,
    );
  // What is asked by itself, and told by itself, would be found where a test looks for something else.
  const watch = watches ? "" : "watch: { enabled: false }";
  return `${text}\n${watch}\n${more}\n`;
}

const asItIs = (text: string): string => text;

/** The same checks in a hurry; everything else of the file stays as it is written. */
function hastened(text: string): string {
  const document = parseDocument(text);
  const checks = document.get("checks") as YAMLMap<Scalar<string>, YAMLMap>;
  for (const { value } of checks.items) {
    value?.set("every", "1s");
    value?.set("for", "0s");
    value?.set("resolveAfter", "1s");
    // How long a worker may complete nothing while jobs wait.
    if (value?.has("within")) value.set("within", "1s");
  }
  return document.toString();
}

export function testConfig(config: TestConfig): ValidConfig {
  const loaded = parseConfig((config.tune ?? asItIs)(configText(config)), {
    environment: config.environment,
    readFile: (path) => readFileSync(path, "utf8"),
  });
  if (!loaded.ok) throw new Error(loaded.problems.map((problem) => problem.message).join("\n"));
  return loaded;
}

type Checks = Readonly<Record<string, { readonly dueFrom?: string }>>;
const checks = Object.entries((parse(readFileSync(file, "utf8")) as { checks: Checks }).checks);

/** The checks of the sandbox that a new world passes, however many there are by now. */
export const CHECKS: readonly string[] = checks
  .filter(([, { dueFrom }]) => dueFrom === undefined)
  .map(([name]) => name);

/** Those whose subject a new world has not yet, and need not have: they are listed as not configured. */
export const NOT_DUE: readonly string[] = checks
  .map(([name]) => name)
  .filter((name) => !CHECKS.includes(name));

/** Recovers in a moment, so that a test of recovery need not wait for it. */
export const FAST_ENGINE = "engine: { lease: 1500ms, reconcile: 300ms }";
