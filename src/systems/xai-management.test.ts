import { expect, test } from "vitest";

import { Secret } from "../core/secret.ts";
import { createXai } from "./xai-management.ts";

const manager = { url: "https://management-api.example.com", key: new Secret("a management key") };

async function isKnown(bodyText: string): Promise<boolean> {
  const answer = { status: 200, headers: {}, bodyText, truncated: false, durationMs: 1 };
  const xai = createXai({ request: async () => answer });
  return xai.isKnownEverywhere(manager, "k-1", new AbortController().signal);
}

test.each([
  ['{"icPropagation":{"us-east-1":true,"us-west-2":true}}', true],
  ['{"icPropagation":{"us-east-1":true,"us-west-2":false}}', false],
  ['{"icPropagation":{}}', false],
  ["{}", false],
])(
  "a key is known everywhere when all places say so, and there is one: %s",
  async (text, known) => {
    expect(await isKnown(text)).toBe(known);
  },
);

test.each(["<!doctype html>", "", "true", "[true]", "null"])(
  "%j says nothing of a key",
  async (text) => {
    await expect(isKnown(text)).rejects.toMatchObject({ system: "xai", kind: "malformed" });
  },
);

test("places deeper than any stack are looked through", async () => {
  const depth = 100_000;
  expect(await isKnown(`${'{"a":'.repeat(depth)}true${"}".repeat(depth)}`)).toBe(true);
});
