/** A whole bot as a process of its own, with the test's operation beside ours: what tests kill, pause and double. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { flushCompileCache } from "node:module";

import { startApp } from "../../src/app.ts";
import { parseConfig } from "../../src/config/load-config.ts";
import { createScrubber } from "../../src/core/redaction.ts";
import { createLogger } from "../../src/logger.ts";
import "./canary-arguments.ts";
import { createChangeCommand, createChangeOperation } from "./change.ts";
import { brokenCommand, createMarkOperation, markCommand } from "./mark.ts";

const [, , configFile = ""] = process.argv;
const markUrl = process.env["MARK_URL"] ?? "http://127.0.0.1:9";
const stopping = new AbortController();
process.on("SIGTERM", () => stopping.abort());

const config = parseConfig(readFileSync(configFile, "utf8"), {
  environment: process.env,
  readFile: (path) => readFileSync(path, "utf8"),
});
if (!config.ok) throw new Error(config.problems.map((problem) => problem.message).join("\n"));

await using _app = await startApp({
  config,
  logger: createLogger((line) => process.stdout.write(line), createScrubber(config.secrets)),
  instance: `child-${process.pid}-${randomBytes(3).toString("hex")}`,
  signal: stopping.signal,
  overrides: {
    operations: [createMarkOperation(markUrl), createChangeOperation(markUrl)],
    commands: [markCommand, brokenCommand, createChangeCommand()],
  },
});
process.stdout.write(`${JSON.stringify({ ready: config.settings.target })}\n`);
// Written now, because those that are killed write nothing when they end.
flushCompileCache();
// It may have been told to stop before it was ready.
if (!stopping.signal.aborted) {
  await new Promise((resolve) => stopping.signal.addEventListener("abort", resolve));
}
