import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { assert, property, string } from "fast-check";
import { expect, test } from "vitest";

import { firstConfig, type FirstConfig } from "./first-config.ts";
import { parseConfig } from "./load-config.ts";

const TOKEN = `7000000001:${"x".repeat(35)}`;
const learnt: FirstConfig = {
  target: "production",
  timeZone: "Europe/Berlin",
  tokenReference: "${file:data/bot-token}",
  apiRoot: undefined,
  group: { id: -1_001_000_000_001, title: "Ops" },
  topics: [
    { id: 9, name: "Alerts" },
    { id: 12, name: undefined },
  ],
  operators: [
    { name: "Ada", telegram: 1003, role: "approver", os: "ada" },
    { name: "Otto", telegram: 1002, role: "operator", os: undefined },
  ],
  healthUrl: "https://api.example.com/health/live",
};

/** What the text means to whoever loads it; there is one file to refer to, and one variable that nobody should. */
function loaded(config: FirstConfig) {
  const parsed = parseConfig(firstConfig(config), {
    environment: { HOME: "/home/somebody" },
    readFile: (path) => {
      if (path !== "data/bot-token") throw new Error(`${path} was read`);
      return `${TOKEN}\n`;
    },
  });
  if (!parsed.ok) throw new Error(parsed.problems.map((problem) => problem.message).join("\n"));
  return parsed.settings;
}

test("is valid as it stands, and says what was learnt", () => {
  const settings = loaded(learnt);
  expect(settings).toMatchObject({
    target: "production",
    timeZone: "Europe/Berlin",
    telegram: { chat: -1_001_000_000_001, apiRoot: "https://api.telegram.org" },
    operators: [
      { name: "Ada", telegram: 1003, role: "approver", os: "ada" },
      { name: "Otto", telegram: 1002, role: "operator" },
    ],
    checks: { "ops-bot-is-safe": { kind: "telegram-bot" }, "api-is-live": { kind: "http" } },
  });
  expect(settings.telegram.token.reveal()).toBe(TOKEN);
  expect(firstConfig(learnt)).toContain("url: https://api.example.com/health/live\n");
});

test("explains itself, and names the topics that were seen", () => {
  const text = firstConfig(learnt);
  expect(text).toContain("# Ops. Nobody is heard anywhere else");
  expect(text).toContain("seen were: 9 Alerts, 12.");
  expect(
    text.split("\n").filter((line) => line.trimStart().startsWith("#")).length,
  ).toBeGreaterThan(8);
});

test("opens the door at which the image's health check asks", () => {
  const { listen } = loaded(learnt).http ?? {};
  const image = readFileSync(join(import.meta.dirname, "../../Dockerfile"), "utf8");
  expect(image).toContain(`http://${listen}/healthz`);
});

test("gives the log a folder of its own, for a checkout has the rehearsal's log where a log is by default", () => {
  expect(loaded(learnt).evidence.directory).toBe("comms/production");
  expect(existsSync(join(import.meta.dirname, "../../comms/log.md"))).toBe(true);
});

test("holds the first question about the product in a comment when nobody named an address", () => {
  const text = firstConfig({ ...learnt, healthUrl: undefined });
  const { checks } = loaded({ ...learnt, healthUrl: undefined });
  expect(Object.keys(checks)).toEqual(["ops-bot-is-safe"]);
  expect(text).toContain("  # api-is-live:");
});

test("is valid with that comment taken away, too", () => {
  const text = firstConfig({ ...learnt, healthUrl: undefined }).replace(
    / {2}# api-is-live:[^]*$/,
    (block) => block.replaceAll(/^ {2}# /gm, "  "),
  );
  const parsed = parseConfig(text, { environment: {}, readFile: () => TOKEN });
  expect(parsed).toMatchObject({ ok: true, settings: { checks: { "api-is-live": {} } } });
});

test.each([
  "yes",
  "123",
  "a: b",
  "# no comment",
  "- x",
  '"',
  "${env:HOME}",
  "${file:/etc/passwd}",
  "*a",
  "'",
])("takes a person called %j by that name and no other meaning", (name) => {
  const [person] = loaded({
    ...learnt,
    operators: [{ name, telegram: 1003, role: "approver", os: undefined }],
  }).operators;
  expect(person?.name).toBe(name.replace("${", "$ {"));
});

test("means the same whatever people and groups are called", () => {
  const text = string({ unit: "binary", minLength: 1, maxLength: 40 });
  assert(
    property(text, text, text, (name, title, topic) => {
      const settings = loaded({
        ...learnt,
        group: { id: -5, title },
        topics: [{ id: 1, name: topic }],
        operators: [{ name, telegram: 42, role: "viewer", os: undefined }],
      });
      expect(settings.telegram.chat).toBe(-5);
      expect(settings.operators).toMatchObject([{ telegram: 42, role: "viewer" }]);
    }),
    { numRuns: 50 },
  );
});
