import { expect, test } from "vitest";

import { newPairingCode, samePairingCode } from "./pairing-code.ts";

test("a code is short, and no two of a thousand are the same", () => {
  const codes = Array.from({ length: 1_000 }, newPairingCode);
  for (const code of codes) expect(code).toMatch(/^[2-9A-HJKMNP-Z]{4}-[2-9A-HJKMNP-Z]{4}$/);
  expect(new Set(codes).size).toBe(1_000);
});

test.each([
  ["K7M2-9QXD", true],
  ["k7m2-9qxd", true],
  ["k7m29qxd ", true],
  ["K7M2–9QXD", true],
  ["K7M2-9QXE", false],
  ["K7M2", false],
  ["", false],
])("K7M2-9QXD typed as %j is right: %j", (typed, isRight) => {
  expect(samePairingCode(typed, "K7M2-9QXD")).toBe(isRight);
});
