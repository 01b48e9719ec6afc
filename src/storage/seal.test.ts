import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { Secret } from "../core/secret.ts";
import { keptSealKey } from "./seal-key.ts";
import { createSeal } from "./seal.ts";

/** What the cipher says of bytes that it did not make. */
const UNOPENED = /authenticat|initialization vector/i;

const newKey = (): Secret => new Secret(randomBytes(32).toString("base64"));

describe("a seal", () => {
  const seal = createSeal(newKey());

  test("opens what it closed, and hides it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string(), (text, context) => {
        const sealed = seal.close(text, context);
        expect(seal.open(sealed, context)).toBe(text.toWellFormed());
      }),
    );
    expect(seal.close("a telling word", "x").toString("latin1")).not.toContain("telling");
  });

  test("never closes the same text the same way twice", () => {
    const closings = Array.from({ length: 100 }, () => seal.close("same", "x").toString("hex"));
    expect(new Set(closings).size).toBe(100);
  });

  test("does not open with any byte changed, nor with any missing, nor with one more", () => {
    const sealed = seal.close("a text", "inbox:1:2");
    for (let index = 0; index < sealed.length; index += 1) {
      const changed = Buffer.from(sealed);
      changed.writeUInt8(changed.readUInt8(index) ^ 1, index);
      expect(() => seal.open(changed, "inbox:1:2")).toThrow(UNOPENED);
      expect(() => seal.open(sealed.subarray(0, index), "inbox:1:2")).toThrow(UNOPENED);
    }
    expect(() => seal.open(Buffer.concat([sealed, Buffer.of(0)]), "inbox:1:2")).toThrow(UNOPENED);
  });

  test("does not open in another row, nor with another key", () => {
    const sealed = seal.close("a text", "inbox:1:2");
    expect(() => seal.open(sealed, "inbox:1:3")).toThrow(UNOPENED);
    expect(() => createSeal(newKey()).open(sealed, "inbox:1:2")).toThrow(UNOPENED);
  });

  test.each(["", "short", randomBytes(31).toString("base64"), randomBytes(33).toString("base64")])(
    "needs a key of 32 bytes, and says so without showing it (case %#)",
    (key) => {
      expect(() => createSeal(new Secret(key))).toThrow(
        /must be 32 bytes in base64 \(it has \d+\)/,
      );
      expect(() => createSeal(new Secret(key))).not.toThrow(key === "" ? "[secret]" : key);
    },
  );
});

describe("the kept key", () => {
  async function folder() {
    const path = await mkdtemp(join(tmpdir(), "flightdeck-seal-"));
    return { path, [Symbol.asyncDispose]: async () => rm(path, { recursive: true }) };
  }

  test("is made once, for its owner alone, and fits a seal", async () => {
    await using data = await folder();
    const first = await keptSealKey(data.path);
    const again = await keptSealKey(data.path);
    expect(again.reveal()).toBe(first.reveal());
    expect((await stat(join(data.path, "seal.key"))).mode & 0o777).toBe(0o600);
    expect(() => createSeal(first)).not.toThrow(UNOPENED);
  });

  test("of a folder is another folder's by no chance", async () => {
    await using one = await folder();
    await using other = await folder();
    expect((await keptSealKey(one.path)).reveal()).not.toBe(
      (await keptSealKey(other.path)).reveal(),
    );
  });

  test("that is there is never replaced", async () => {
    await using data = await folder();
    await writeFile(join(data.path, "seal.key"), "kept as it is\n");
    expect((await keptSealKey(data.path)).reveal()).toBe("kept as it is");
    expect(await readFile(join(data.path, "seal.key"), "utf8")).toBe("kept as it is\n");
  });

  test("makes its folder when there is none yet", async () => {
    await using data = await folder();
    const fresh = join(data.path, "not", "yet");
    const key = await keptSealKey(fresh);
    expect((await keptSealKey(fresh)).reveal()).toBe(key.reveal());
  });
});
