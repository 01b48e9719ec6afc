import { describe, expect, test } from "vitest";

import { Secret } from "../core/secret.ts";
import { webhookSetting } from "./webhook-settings.ts";

const GOOD = {
  url: "https://deck.example.com/telegram",
  secret: new Secret("s".repeat(32)),
};

const problemsOf = (settings: object): readonly string[] =>
  webhookSetting.safeParse(settings).error?.issues.map(({ message }) => message) ?? [];

test("takes an address and a secret, and says the rest itself", () => {
  expect(webhookSetting.parse(GOOD)).toMatchObject({ listen: "0.0.0.0:8080", maxConnections: 40 });
});

describe("a secret", () => {
  test.each([
    ["is missing", undefined],
    ["stands in the file", "s".repeat(40)],
    ["is empty", new Secret("")],
    ["is too short to keep anybody out", new Secret("s".repeat(31))],
    ["is longer than Telegram takes", new Secret("s".repeat(257))],
    ["holds what Telegram does not take", new Secret(`${"s".repeat(40)}!`)],
  ])("that %s is refused, and not repeated", (_why, secret) => {
    const problems = problemsOf({ ...GOOD, secret });
    expect(problems).toHaveLength(1);
    expect(problems[0]).not.toContain("sss");
  });
});

describe("an address", () => {
  test.each([
    ["http://deck.example.com/telegram", "expected https://"],
    ["https://deck.example.com/telegram?secret=1", "expected a plain path"],
    ["https://deck.example.com/:bot", "expected a plain path"],
    ["https://deck.example.com/*", "expected a plain path"],
    ["telegram", "expected an address such as"],
  ])("%s is refused", (url, message) => {
    expect(problemsOf({ ...GOOD, url })).toEqual([expect.stringContaining(message)]);
  });

  test("of this machine may do without TLS, for a Bot API server of one's own", () => {
    expect(problemsOf({ ...GOOD, url: "http://127.0.0.1:8443/telegram" })).toEqual([]);
  });

  test.each(["8080", "0.0.0.0", "0.0.0.0:http", "http://0.0.0.0:8080"])(
    "to listen at is a host and a port, not %s",
    (listen) => {
      expect(problemsOf({ ...GOOD, listen })).toHaveLength(1);
    },
  );
});
