import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import { banner } from "./banner.ts";
import { reachableDataDirectory } from "./data-directory.ts";
import { writeEnvironmentFile } from "./environment-file.ts";
import { isRevision } from "./product/revision.ts";
import { type SandboxOptions, startSandbox } from "./sandbox.ts";

const directory = join(import.meta.dirname, "..");
const usualPort = 4600;
const BOT_WITHIN_MS = 30_000;

const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    // Whoever asks twice does not want to wait. The children die with us all the same.
    if (stopping.signal.aborted) process.exit(130);
    stopping.abort();
  });
}

const port = portFrom(process.env["SANDBOX_PORT"]);
const revision = process.env["SANDBOX_REVISION"] || "A";
const empty = process.env["SANDBOX_EMPTY"] || "0";
if (port === undefined) {
  console.error(
    `SANDBOX_PORT is "${process.env["SANDBOX_PORT"]}"; expected a port such as ${usualPort}.`,
  );
  process.exitCode = 2;
} else if (!isRevision(revision)) {
  console.error(
    `SANDBOX_REVISION is "${revision}"; expected A, which has Todoist, or B, which has work items.`,
  );
  process.exitCode = 2;
} else if (empty !== "0" && empty !== "1") {
  console.error(
    `SANDBOX_EMPTY is "${empty}"; expected 1 for a production that was never deployed, or 0.`,
  );
  process.exitCode = 2;
} else {
  await run({ port, revision, empty: empty === "1" }).catch((error: unknown) => {
    if (!stopping.signal.aborted) throw error;
  });
}

async function run(
  wanted: Required<Pick<SandboxOptions, "port" | "revision" | "empty">>,
): Promise<void> {
  console.log("Starting a small world: Postgres, Redis, the product, xAI and Telegram …");
  const wish = process.env["SANDBOX_DATA"] || join(directory, "data", "sandbox");
  const dataDirectory = await reachableDataDirectory(wish);
  await using sandbox = await startSandbox({
    ...wanted,
    bot: { command: process.execPath, args: ["src/main.ts", "start", "ops/sandbox.yaml"] },
    directory,
    dataDirectory,
    environment: { ...definedOnly(process.env), SANDBOX_DATA: dataDirectory },
    say: (line) => console.log(line),
    signal: stopping.signal,
  });
  await writeEnvironmentFile(`${wish}.env`, {
    ...sandbox.world.environment,
    SANDBOX_DATA: dataDirectory,
    // For whoever sets production up: the bot is given neither, and may ask for both.
    SANDBOX_PRODUCT_DATABASE_URL: sandbox.world.variables.api["DATABASE_URL"]!,
    SANDBOX_PRODUCT_REDIS_URL: sandbox.world.variables.api["REDIS_URL"]!,
  });
  // From here on whoever asks is answered at once, in the chat and at a terminal.
  await sandbox.world.telegram
    .waitFor(() => sandbox.world.telegram.calls()[0], { timeoutMs: BOT_WITHIN_MS })
    .catch(() => console.log("The bot takes its time; what you type meanwhile is answered then."));
  if (stopping.signal.aborted) return;
  console.log(banner({ url: sandbox.url, dataDirectory, empty: wanted.empty }));
  openBrowser(sandbox.url);
  if (!stopping.signal.aborted) await once(stopping.signal, "abort");
  console.log("\nStopping …");
}

function portFrom(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return usualPort;
  const port = Number(text);
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
}

function definedOnly(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
}

/** Only where a person sits in front of a screen. */
function openBrowser(url: string): void {
  const { env, platform, stdout } = process;
  const hasScreen =
    platform === "darwin" || Boolean(env["DISPLAY"]) || Boolean(env["WAYLAND_DISPLAY"]);
  if (!stdout.isTTY || !hasScreen || env["CI"]) return;
  const child = spawn(platform === "darwin" ? "open" : "xdg-open", [url], {
    stdio: "ignore",
    detached: true,
  });
  // Without a browser the printed address has to do.
  child.on("error", () => undefined);
  child.unref();
}
