import { expect, test } from "vitest";

import { shownUrl } from "./shown-url.ts";

test.each([
  ["https://hooks.example.com/", "https://hooks.example.com/"],
  ["https://hooks.example.com/bot/secret-path", "https://hooks.example.com/…"],
  ["https://hooks.example.com/?token=abc", "https://hooks.example.com/…"],
  ["https://user:password@hooks.example.com:8443/x", "https://hooks.example.com:8443/…"],
  ["no address\u202E", "no address⟨U+202E⟩"],
])("%j is shown as %j", (url, shown) => {
  expect(shownUrl(url)).toBe(shown);
});
