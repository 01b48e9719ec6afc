import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { startSandbox, type Sandbox } from "../../sandbox/sandbox.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { CHECKS } from "../support/config.ts";

const root = join(import.meta.dirname, "../..");
const pictures = join(root, "test-results");
const PHONE = { width: 390, height: 844 } as const;
/** Chromium's own errands are refused by a closed network, many at a time; we need none of them. */
const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const opened = new AsyncDisposableStack();
let sandbox: Sandbox;
let browser: Browser;
let page: Page;
const complaints: string[] = [];

beforeAll(async () => {
  await mkdir(pictures, { recursive: true });
  const directory = opened.use(await temporaryDirectory("e2e"));
  sandbox = opened.use(
    await startSandbox({
      port: 4700,
      bot: { command: process.execPath, args: ["src/main.ts", "start", "ops/sandbox.yaml"] },
      directory: root,
      dataDirectory: join(directory.path, "data"),
      environment: {
        PATH: process.env["PATH"] ?? "",
        SANDBOX_DATA: join(directory.path, "data"),
      },
      say: () => undefined,
    }),
  );
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: QUIET });
  opened.defer(async () => browser.close());
  page = await browser.newPage({ viewport: PHONE });
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(sandbox.url);
});
afterAll(async () => {
  await opened.disposeAsync();
});

describe("the ops group in a browser, at the width of a phone", () => {
  test("an operator types /preflight and gets a truthful GO", async () => {
    await actAs("operator");
    await say("/preflight");
    const card = await newest(/sandbox · GO/);
    expect(card).toContain(`${CHECKS.length} passed`);
    await picture("go");
  });

  test("one click revokes the xAI key, and the next preflight names it", async () => {
    await toggleFault("The xAI key is revoked");
    await say("/preflight");
    const card = await newest(/NO-GO/);
    expect(card).toContain("xai-key-works");
    await picture("no-go");
    await toggleFault("The xAI key is revoked");
  });

  test("a hanging API is UNKNOWN in time, never green", async () => {
    await toggleFault("The API hangs");
    await say("/preflight");
    const card = await newest(/UNKNOWN/);
    expect(card).toContain("api-is-live");
    await picture("unknown");
    await toggleFault("The API hangs");
  });

  test("a tap runs again what failed", async () => {
    await page.getByRole("button", { name: "Re-run failed" }).last().click();
    await newest(/sandbox · GO/);
  });

  test("/evidence shows all of it", async () => {
    await say("/evidence 10");
    const card = await newest(/sandbox · evidence/);
    for (const verdict of ["GO", "NO-GO", "UNKNOWN"]) expect(card).toContain(`· ${verdict}`);
    await picture("evidence");
  });

  test("a viewer is told what is missing, a stranger hears nothing", async () => {
    await actAs("viewer");
    await say("/preflight");
    expect(await newest(/needs the role operator/)).toContain("you are viewer");
    await actAs("stranger");
    await say("/whoami");
    await actAs("viewer");
    await say("/whoami");
    const answers = await newest(/Vera · viewer/);
    expect(answers).not.toContain("Sid");
    await picture("refused");
  });

  test("a bot that is killed comes back and answers what was asked meanwhile", async () => {
    await openWorld();
    await page.getByRole("button", { name: "Kill the bot (kill -9)" }).click();
    await closeWorld();
    await actAs("operator");
    await say("/preflight api-is-live");
    await newest(/1 passed/, 45_000);
  });

  test("nothing was said that the real Telegram would not take, and the page had no error", () => {
    expect(sandbox.world.telegram.violations()).toEqual([]);
    expect(complaints).toEqual([]);
  });
});

async function actAs(persona: string): Promise<void> {
  await page.locator(`input[name=persona][value=${persona}]`).check();
}

async function say(text: string): Promise<void> {
  const box = page.getByRole("textbox", { name: "Message" });
  await box.fill(text);
  await box.press("Enter");
}

async function openWorld(): Promise<void> {
  await page.getByRole("button", { name: "World and calls" }).click();
}

async function closeWorld(): Promise<void> {
  await page.getByRole("button", { name: "Back to the chat" }).click();
}

async function toggleFault(title: string): Promise<void> {
  await openWorld();
  await page.getByRole("switch", { name: title }).click();
  await closeWorld();
}

/** The text of the newest message that reads so, once it is there and newer than what was seen before. */
async function newest(reads: RegExp, timeout = 30_000): Promise<string> {
  const last = page.getByRole("article").last();
  await expect
    .poll(async () => (await last.innerText()).replaceAll("\n", " "), { timeout })
    .toMatch(reads);
  return last.innerText();
}

/** Kept for people to look at. */
async function picture(name: string): Promise<void> {
  await page.waitForTimeout(300);
  await page.screenshot({ path: join(pictures, `${name}.png`) });
}
