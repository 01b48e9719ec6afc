/**
 * Takes the README's pictures of the chat: a sandbox, a browser as wide as a phone, and what an operator does in it. The
 * machine needs a browser and a font with emoji, or the lamps in front of the verdicts are empty boxes.
 */
import { spawnSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { chromium, type Page } from "playwright-core";

import { startSandbox } from "../sandbox/sandbox.ts";
import { temporaryDirectory } from "../src/servers/temporary-directory.ts";

const root = join(import.meta.dirname, "..");
const pictures = join(root, "docs", "pictures");
const FIRST_PORT = 4700;
const ANSWER_WITHIN_MS = 30_000;
const PHONE = { width: 390, height: 720 };

await using opened = new AsyncDisposableStack();
const data = opened.use(await temporaryDirectory("pictures"));
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const sandbox = opened.use(
  await startSandbox({
    port: FIRST_PORT,
    bot: { command: process.execPath, args: ["src/main.ts", "start", "ops/sandbox.yaml"] },
    directory: root,
    dataDirectory: data.path,
    environment: { PATH: process.env["PATH"] ?? "", SANDBOX_DATA: data.path },
    say,
  }),
);
const browser = await chromium.launch({
  executablePath: installedBrowser(),
  args: ["--no-sandbox"],
});
opened.defer(async () => browser.close());
const page = await browser.newPage({
  viewport: PHONE,
  // The bot tells the time of the team that ops/sandbox.yaml names; so does the phone.
  timezoneId: "Europe/Berlin",
  colorScheme: "light",
  reducedMotion: "reduce",
});
page.setDefaultTimeout(ANSWER_WITHIN_MS);
await mkdir(pictures, { recursive: true });
await page.goto(`${sandbox.url}#operator/group`);

await type("/preflight", "sandbox · GO");
await take("go");

await sandbox.world.break("xai-key-revoked");
await type("/preflight", "sandbox · NO-GO");
await take("no-go");

await sandbox.world.heal("xai-key-revoked");
await sandbox.world.break("api-hangs");
await type("/preflight", "sandbox · UNKNOWN");
await type("/evidence 2", "sandbox · evidence");
await take("evidence");

async function type(command: string, answer: string): Promise<void> {
  // With a blank behind it the menu of commands is closed, and Enter sends.
  await page.getByRole("textbox", { name: "Message" }).fill(`${command} `);
  await page.keyboard.press("Enter");
  await page.getByRole("log").getByText(answer).last().waitFor();
}

async function take(name: string): Promise<void> {
  await page.getByRole("textbox", { name: "Message" }).blur();
  await settled(page);
  const path = join(pictures, `${name}.png`);
  await page.screenshot({ path });
  say(`took ${path}`);
}

/** Waits for the last scroll and the last repaint. */
async function settled(of: Page): Promise<void> {
  const log = of.getByRole("log");
  await log.evaluate((element) => element.scrollTo({ top: element.scrollHeight }));
  await of.waitForTimeout(500);
}

function installedBrowser(): string {
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  const found = names
    .map((name) => spawnSync("which", [name], { encoding: "utf8" }).stdout.trim())
    .find((path) => path !== "");
  if (found === undefined) {
    throw new Error(`No browser is installed; install one of ${names.join(", ")}.`);
  }
  return found;
}
