import { randomBytes } from "node:crypto";

import { describe, expect, test } from "vitest";

import {
  ANSWER_COMMAND,
  isGenuineToken,
  NONCE_BYTES,
  readToken,
  sealToken,
  type TokenAction,
} from "./approval-token.ts";

const key = randomBytes(32);
const nonce = randomBytes(NONCE_BYTES);
const expiresAt = new Date("2026-11-23T03:14:05Z");
const scope = { botId: 7, chatId: -1001, topicId: undefined, question: "what is asked" };
const seal = (action: TokenAction = { kind: "yes" }): string =>
  sealToken(key, { action, nonce, expiresAt }, scope);

const passes = (token: string): boolean =>
  readToken(token) !== undefined && isGenuineToken(key, token, scope);

describe("a token", () => {
  test("is 51 characters, and fits a button with the command that carries it", () => {
    expect(seal()).toMatch(/^[A-Za-z0-9_-]{51}$/);
    expect(Buffer.byteLength(`c:${ANSWER_COMMAND} ${seal()}`)).toBeLessThanOrEqual(64);
  });

  test.each<TokenAction>([
    { kind: "yes" },
    { kind: "no" },
    { kind: "withdraw" },
    { kind: "code", index: 0 },
    { kind: "code", index: 2 },
  ])("says $kind and is read back as it was made", (action) => {
    const token = seal(action);
    expect(readToken(token)).toEqual({ action, nonce, expiresAt });
    expect(passes(token)).toBe(true);
  });

  test("is refused with any one of its characters changed to any other byte", () => {
    const token = Buffer.from(seal(), "latin1");
    let tried = 0;
    for (let at = 0; at < token.length; at += 1) {
      for (let other = 0; other < 256; other += 1) {
        if (other === token[at]) continue;
        const changed = Buffer.from(token);
        changed[at] = other;
        tried += 1;
        expect(passes(changed.toString("latin1")), `${other} at ${at}`).toBe(false);
      }
    }
    expect(tried).toBe(51 * 255);
  });

  test.each([
    ["of another bot", { botId: 8 }],
    ["of another chat", { chatId: -1002 }],
    ["of another topic", { topicId: 5 }],
    ["of another question", { question: "something else" }],
  ])("is refused as one %s", (_of, other) => {
    expect(isGenuineToken(key, seal(), { ...scope, ...other })).toBe(false);
  });

  test("made with another key is refused", () => {
    const foreign = sealToken(
      randomBytes(32),
      { action: { kind: "yes" }, nonce, expiresAt },
      scope,
    );
    expect(isGenuineToken(key, foreign, scope)).toBe(false);
  });

  test.each([
    "",
    "x",
    seal().slice(1),
    `${seal()}A`,
    `${seal()}\n`,
    ` ${seal().slice(1)}`,
    "ä".repeat(51),
  ])("is not %j", (text) => {
    expect(readToken(text)).toBeUndefined();
    expect(isGenuineToken(key, text, scope)).toBe(false);
  });
});
