import { expect, test } from "vitest";

import { storableJson, storableText } from "./storable.ts";

test("what PostgreSQL cannot hold is made visible, and all else stays as it is", () => {
  expect(storableText("a\0b\uD800c ש 👍🏽")).toBe("a⟨U+0000⟩b\uFFFDc ש 👍🏽");
  expect(storableJson({ text: ["a\0"], number: 1, none: null })).toBe(
    '{"text":["a⟨U+0000⟩"],"number":1,"none":null}',
  );
  // A back-slash that only looks like an escape is none.
  expect(storableJson({ text: "\\u0000" })).toBe(JSON.stringify({ text: "\\u0000" }));
});
