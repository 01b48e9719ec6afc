import { describe, expect, test } from "vitest";

import { entitySchema, misplacement, withFoundEntities } from "./entities.ts";

describe("an entity's place in its text", () => {
  const rows = [
    { text: "all good", offset: 0, length: 8, problem: undefined },
    { text: "✈️ up 🚀", offset: 6, length: 2, problem: undefined },
    {
      text: "aba caba",
      offset: 3,
      length: 6,
      problem:
        "entity beginning at UTF-16 offset 3 ends after the end of the text at UTF-16 offset 9",
    },
    {
      text: "🚀",
      offset: 1,
      length: 1,
      problem: "entity begins in a middle of a UTF-16 symbol at byte offset 4",
    },
    {
      text: "🚀",
      offset: 0,
      length: 1,
      problem:
        "entity beginning at UTF-16 offset 0 ends in a middle of a UTF-16 symbol at byte offset 4",
    },
  ];
  test.each(rows)(
    "$text from $offset, $length long: $problem",
    ({ text, offset, length, problem }) => {
      expect(misplacement(text, { type: "bold", offset, length })).toBe(problem);
    },
  );
});

test("a date_time takes only the formats that Telegram knows", () => {
  const dateTime = (format: string) =>
    entitySchema.safeParse({
      type: "date_time",
      offset: 0,
      length: 1,
      unix_time: 1,
      date_time_format: format,
    }).success;
  expect(["r", "wDT", "dt", "T", "w"].filter(dateTime)).toEqual(["r", "wDT", "dt", "T", "w"]);
  expect(["x", "rd", "Td", "dD"].filter(dateTime)).toEqual([]);
});

describe("what Telegram finds in a text", () => {
  const found = (text: string) =>
    withFoundEntities(text, []).map(({ type, offset, length }) => [
      type,
      text.slice(offset, offset + length),
    ]);

  test("is commands, mentions and links", () => {
    expect(
      found("/deploy@flightdeck_sandbox_bot for @ada_approves, see https://a.example/x?y=1."),
    ).toEqual([
      ["bot_command", "/deploy@flightdeck_sandbox_bot"],
      ["mention", "@ada_approves"],
      ["url", "https://a.example/x?y=1"],
    ]);
  });

  test("is not a path, a date or an address", () => {
    expect(found("/health/ready on 1/2 by ops@example.org and/or")).toEqual([]);
  });

  test("is counted in UTF-16 code units", () => {
    expect(withFoundEntities("🚀 /go", [])).toEqual([
      { type: "bot_command", offset: 3, length: 3 },
    ]);
  });

  test("is never inside of code", () => {
    expect(withFoundEntities("run /go", [{ type: "code", offset: 0, length: 7 }])).toEqual([
      { type: "code", offset: 0, length: 7 },
    ]);
  });
});
