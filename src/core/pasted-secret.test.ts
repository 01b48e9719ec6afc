import { describe, expect, test } from "vitest";

import { armoredIn, looksLikeSecret, typesSecret } from "./pasted-secret.ts";

describe("what looks like a secret", () => {
  test.each([
    "0123456789abcdef0123456789abcdef01234567",
    "the new one is xai-0a1b2c3d4e5f6071829304a5b6c7d8e9",
    "postgres://app:hunter2hunter2@db/app",
    "AGE-SECRET-KEY-1QQPQYZ0123456789ABCDEF",
    "Bearer abcdef1234567890",
    "7000000001:SAbcdefghijklmnopqrstuvwxyzABCDEF12",
  ])("%s", (text) => {
    expect(looksLikeSecret(text)).toBe(true);
  });

  test.each([
    "I have made the new token, what now?",
    "https://todoist.com/app/settings/integrations/developer2024",
    "Donaudampfschifffahrtsgesellschaft",
    "call me at 10:30",
    "",
  ])("and what does not: %s", (text) => {
    expect(looksLikeSecret(text)).toBe(false);
  });
});

describe("a secret that is typed behind /rotate", () => {
  const token = "0123456789abcdef0123456789abcdef01234567";

  test.each([
    `/rotate supply todoist-token ${token}`,
    "/rotate supply todoist-token hunter2",
    `/rotate supply ${token}`,
    `/rotate @production supply todoist-token hunter2`,
    `/rotate todoist-token ${token}`,
    `/rotate todoist-token exposed ${token}`,
    `/rotate ${token}`,
    `/rotate guide todoist-token ${token}`,
    `/rotate supply\ntodoist-token\n${token}`,
  ])("is one: %s", (command) => {
    expect(typesSecret(command)).toBe(true);
  });

  test.each([
    "/rotate",
    "/rotate supply",
    "/rotate supply todoist-token",
    "/rotate api-tokens-of-2026-live exposed",
    "/rotate @production todoist-token back",
    "/rotate guide todoist-token",
    "/rotate todoist-token please",
    `/deploy ${token}`,
    `/rotated ${token}`,
  ])("and is none: %s", (command) => {
    expect(typesSecret(command)).toBe(false);
  });
});

describe("a sealed file in a text", () => {
  const armored = "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n";

  test("is found wherever it stands, and nothing but it", () => {
    expect(armoredIn(`here it is:\n${armored}thanks`)).toBe(armored);
  });

  test("is none when its end is missing, or when it is longer than any secret would be", () => {
    expect(armoredIn(armored.slice(0, 40))).toBeUndefined();
    expect(armoredIn(armored.replace("YWdl", "A".repeat(5_000)))).toBeUndefined();
    expect(armoredIn("nothing")).toBeUndefined();
  });
});
