/**
 * Takes the README's pictures of the chat: a sandbox, a browser as wide as a phone, and what an operator does in it. The
 * machine needs a browser and a font with emoji, or the lamps in front of the verdicts are empty boxes.
 */
import { spawnSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { chromium, type Locator } from "playwright-core";

import { startSandbox } from "../sandbox/sandbox.ts";
import { temporaryDirectory } from "../src/servers/temporary-directory.ts";

const root = join(import.meta.dirname, "..");
const pictures = join(root, "docs", "pictures");
const FIRST_PORT = 4700;
const ANSWER_WITHIN_MS = 180_000;
/** Narrow, so that three stand side by side in a document and can still be read; high, so that a card fits whole. */
const PHONE = { width: 340, height: 1400 };
const MARGIN_PX = 3;
const READING_MS = 5_000;

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
const cards = page.getByRole("log").getByRole("article");

await type("/preflight");
await take("go", /sandbox · GO/);

await sandbox.world.break("xai-key-revoked");
await type("/preflight");
await take("no-go", /sandbox · NO-GO/);
await sandbox.world.heal("xai-key-revoked");

// What was used with success is known good, and is what an alert offers to go back to.
await type("/smoke");
await card(/sandbox · smoke[^]*GO/).waitFor();
await sandbox.world.break("broken-release");
const goBack = page.getByRole("button", { name: /^Roll back to/ }).last();
await goBack.waitFor();
await take("alert", /asks for a rollback/);

await goBack.click();
await page.getByRole("radio", { name: /Ada/ }).check();
const approve = page.getByRole("button", { name: "Approve" }).last();
await approve.waitFor();
await take("question", /rollback\?[^]*code/);

// A yes that comes faster than anybody reads is not taken.
await page.waitForTimeout(READING_MS);
await approve.click();
await take("rolled-back", /rolled back to/);

await page.getByRole("radio", { name: /Otto/ }).check();
await type("/evidence 2");
await take("evidence", /sandbox · evidence/);

async function type(command: string): Promise<void> {
  // With a blank behind it the menu of commands is closed, and Enter sends.
  await page.getByRole("textbox", { name: "Message" }).fill(`${command} `);
  await page.keyboard.press("Enter");
}

function card(title: RegExp): Locator {
  return cards.filter({ hasText: title }).last();
}

/** A picture of one card with its buttons, as soon as it is there. */
async function take(name: string, title: RegExp): Promise<void> {
  const of = card(title);
  await of.waitFor();
  await page.getByRole("textbox", { name: "Message" }).blur();
  await page.mouse.move(0, 0);
  // The last repaint.
  await page.waitForTimeout(500);
  await of.evaluate((element) => element.scrollIntoView({ block: "nearest" }));
  // Without the column of the heads beside it.
  const box = await of.locator(".column").boundingBox();
  if (box === null) throw new Error(`The card of ${name} is not to be seen.`);
  const path = join(pictures, `${name}.png`);
  await page.screenshot({
    path,
    clip: {
      x: box.x - MARGIN_PX,
      y: box.y - MARGIN_PX,
      width: box.width + 2 * MARGIN_PX,
      height: box.height + 2 * MARGIN_PX,
    },
  });
  say(`took ${path}`);
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
