import { expect, test } from "vitest";

import { understandInit } from "./cli-init-options.ts";
import { parseCommandLine } from "./core/command-line.ts";

const understood = (...words: readonly string[]) =>
  understandInit(parseCommandLine(["init", ...words]));

test("needs nothing: the target is called after the file", () => {
  expect(understood()).toMatchObject({
    ok: true,
    options: { file: "ops/production.yaml", target: "production", deleteWebhook: false },
  });
  expect(understood("--file", "conf/staging.yml")).toMatchObject({
    options: { target: "staging" },
  });
});

test("takes every option", () => {
  const line = [
    ["--file", "a.yaml"],
    ["--token-env", "BOT"],
    ["--operators", "3"],
    ["--health-url", "https://api.example.com/health"],
    ["--api-root", "http://127.0.0.1:8081"],
    ["--delete-webhook"],
  ].flat();
  expect(understood(...line)).toEqual({
    ok: true,
    options: {
      file: "a.yaml",
      target: "a",
      tokenFile: undefined,
      tokenEnv: "BOT",
      people: 3,
      healthUrl: "https://api.example.com/health",
      apiRoot: "http://127.0.0.1:8081",
      deleteWebhook: true,
    },
  });
});

test.each([
  [["7000001:secret-token"], "the token never is an argument"],
  [["--token", "7000001:secret-token"], "There is no option --token"],
  [["--operator", "2"], "did you mean --operators?"],
  [["--operators", "0"], "from 1 to 99"],
  [["--file"], "--file lacks its value"],
  [["--file", "My Config.yaml"], "--target production"],
  [["--health-url", "api.example.com"], "--health-url takes an address"],
  [["--token-file", "a", "--token-env", "B"], "Give one of"],
])("%j is refused and says what would be right", (words, message) => {
  const result = understood(...words);
  expect(result).toMatchObject({ ok: false, message: expect.stringContaining(message) });
  expect(JSON.stringify(result)).not.toContain("secret-token");
});
