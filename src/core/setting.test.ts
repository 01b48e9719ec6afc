import { describe, expect, test } from "vitest";
import { z } from "zod";

import { Secret } from "./secret.ts";
import {
  choiceSetting,
  durationSetting,
  integerSetting,
  secretSetting,
  textSetting,
  urlSetting,
} from "./setting.ts";

const problemOf = (schema: z.ZodType, value: unknown): string | undefined =>
  schema.safeParse(value).error?.issues[0]?.message;

describe("a secret setting", () => {
  test("keeps what a reference stood for sealed", () => {
    const secret = secretSetting().parse(new Secret("hunter2"));
    expect(secret).toBeInstanceOf(Secret);
    expect(secret.reveal()).toBe("hunter2");
  });

  test("refuses a value that stands in the file, without repeating it", () => {
    const message = problemOf(secretSetting(), "hunter2");
    expect(message).toBe("a secret belongs in a reference such as ${env:NAME}, not in the file");
  });

  test("refuses nothing at all and an empty reference", () => {
    expect(problemOf(z.strictObject({ token: secretSetting() }), {})).toMatch(/is missing/);
    expect(problemOf(secretSetting(), new Secret(""))).toBe("the reference is empty");
  });

  test("judges the form of the secret without repeating it", () => {
    const port = secretSetting({
      accepts: (revealed) => (revealed.startsWith("redis://") ? undefined : "expected redis://…"),
    });
    expect(problemOf(port, new Secret("http://u:p@h"))).toBe("expected redis://…");
    expect(port.parse(new Secret("redis://h")).reveal()).toBe("redis://h");
  });
});

describe("a reference", () => {
  test.each([
    ["text", textSetting(), "ops", "ops"],
    ["choice", choiceSetting(["page", "warn"]), "warn", "warn"],
    ["address", urlSetting(), "https://a.example/b", "https://a.example/b"],
    ["whole number", integerSetting(), "-1001000000001", -1001000000001],
    ["duration", durationSetting(), "1h30m", 5_400_000],
  ] as const)("may stand for a %s and is read as one", (_name, schema, referred, value) => {
    expect((schema as z.ZodType).parse(new Secret(referred))).toBe(value);
  });

  test.each([
    ["text", textSetting()],
    ["choice", choiceSetting(["page", "warn"])],
    ["address", urlSetting()],
    ["whole number", integerSetting()],
    ["duration", durationSetting()],
    ["secret", secretSetting()],
  ] as const)("is allowed for a %s by the JSON Schema too", (_name, schema) => {
    const json = z.toJSONSchema(schema, { io: "input" }) as {
      type?: string | string[];
      pattern?: string;
      anyOf?: { pattern?: string }[];
    };
    expect([json.type].flat()).toContain("string");
    const patterns = [json.pattern, ...(json.anyOf ?? []).map((each) => each.pattern)];
    const allows = patterns.some(
      (pattern) => pattern !== undefined && new RegExp(pattern).test("${env:NAME}"),
    );
    expect(allows || (json.pattern === undefined && json.anyOf === undefined)).toBe(true);
  });
});

describe("an address", () => {
  test.each([
    ["ftp://example.com", /http:\/\/ or https:\/\//],
    ["file:///etc/passwd", /http:\/\/ or https:\/\//],
    ["https://user:password@example.com", /no user or password/],
    ["https://user@example.com", /no user or password/],
    ["example.com", /expected an address/],
    [42, /expected an address/],
  ])("cannot be %s", (value, message) => {
    expect(problemOf(urlSetting(), value)).toMatch(message);
  });

  test("does not repeat the password that it refuses", () => {
    expect(problemOf(urlSetting(), "https://user:hunter2@example.com")).not.toContain("hunter2");
  });
});

describe("limits", () => {
  test.each([
    [integerSetting({ minimum: 1, maximum: 5 }), 6, "expected a whole number from 1 to 5"],
    [integerSetting({ minimum: 1 }), 0, "expected a whole number, at least 1"],
    [integerSetting(), 1.5, "expected a whole number"],
    [integerSetting(), "many", "expected a whole number"],
    [
      durationSetting({ minimumMs: 1_000, maximumMs: 60_000 }),
      "2h",
      "expected a duration such as 30s, 5m or 1h30m from 1s to 1m",
    ],
    [durationSetting(), 30, "expected a duration such as 30s, 5m or 1h30m"],
    [durationSetting(), "30", "expected a duration such as 30s, 5m or 1h30m"],
    [choiceSetting(["page", "warn"]), "loud", "expected one of page, warn"],
    [textSetting(), 12, "expected a text (in quotes when it looks like a number)"],
    [textSetting(), "", "expected a text (in quotes when it looks like a number)"],
    [textSetting({ maximum: 3 }), "long", "expected at most 3 characters"],
    [
      textSetting({ pattern: /^[a-z]+$/, expected: "small letters" }),
      "A",
      "expected small letters",
    ],
  ] as const)("are named in the problem (%#)", (schema, value, message) => {
    expect(problemOf(schema as z.ZodType, value)).toBe(message);
  });
});
