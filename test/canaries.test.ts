import { randomBytes } from "node:crypto";

import { expect, test } from "vitest";

import { createCanaryNet } from "./support/canary-net.ts";

const secret = 'pa/ss"wörd:with|every+thing';
const net = createCanaryNet();
net.know({ password: secret });
const caughtIn = (text: string) => {
  net.look("the log", text);
  return net.take();
};
const leak = [{ secret: "password", sink: "the log" }];
const base64 = (before: string) => Buffer.from(`${before}${secret} after`).toString("base64");

test.each([
  ["as it is", `x ${secret} y`],
  ["in a URL", `https://user:${encodeURIComponent(secret)}@host/`],
  ["in JSON", JSON.stringify({ a: [secret] })],
  ["in base64", base64("")],
  ["in base64 behind one byte", base64("a")],
  ["in base64 behind two bytes", base64("ab")],
  ["in base64 behind three bytes", base64("abc")],
  ["in the base64 of URLs", Buffer.from(`?${secret}`).toString("base64url")],
  ["in hexadecimal", `\\x${Buffer.from(`x${secret}`).toString("hex")}`],
])("a secret is caught %s, and is named", (_, text) => {
  expect(caughtIn(text)).toEqual(leak);
});

test("what is no secret is let through", () => {
  expect(caughtIn(secret.slice(1))).toEqual([]);
  expect(caughtIn(base64("").slice(4, 20))).toEqual([]);
});

test("a leak is told once, however often it happens, and is taken out of the net", () => {
  net.look("the log", secret);
  net.look("the log", encodeURIComponent(secret));
  net.look("the chat", secret);
  expect(net.take()).toEqual([...leak, { secret: "password", sink: "the chat" }]);
  expect(net.take()).toEqual([]);
});

test("a secret that becomes known only later is found in what was seen before", () => {
  const later = createCanaryNet();
  const minted = randomBytes(24).toString("hex");
  later.look("the log", `a new one is made: ${minted}`);
  expect(later.take()).toEqual([]);
  later.know({ minted });
  expect(later.take()).toEqual([{ secret: "minted", sink: "the log" }]);
});

test("what was seen is not remembered without end", () => {
  const later = createCanaryNet();
  const minted = randomBytes(24).toString("hex");
  later.look("the log", minted);
  for (let times = 0; times < 20; times += 1) later.look("the log", "x".repeat(1_000_000));
  later.know({ minted });
  expect(later.take()).toEqual([]);
});

test("a secret that would be found in ordinary words is refused, by its name alone", () => {
  expect(() => net.know({ short: "tea" })).toThrow("short is too short to be looked for.");
});
