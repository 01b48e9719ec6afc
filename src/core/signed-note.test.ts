import { inspect } from "node:util";

import { describe, expect, test } from "vitest";

import { Secret } from "./secret.ts";
import {
  formatSigner,
  formatVerifier,
  generateSigner,
  openNote,
  parseVerifier,
  signerFrom,
  signNote,
} from "./signed-note.ts";

/** Notes and keys that other implementations of the format print in their documentation. */
const EXAMPLES = [
  {
    vkey: "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    note:
      "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
      "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
  },
  {
    vkey: "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    note:
      "This is an example message.\n\n" +
      "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n",
  },
];

const TEXT = "flightdeck/evidence/alpha\n42\nZLJJxOBgbj2XQsSb/VfNHj6xcPXM76JuoEXKGT1kp18=\n";
const signer = generateSigner("flightdeck/evidence/alpha");
const successor = generateSigner(signer.name);
const note = signNote(TEXT, [signer]);

describe("a note", () => {
  test.each(EXAMPLES)("of another implementation is opened: $vkey", ({ vkey, note: example }) => {
    const verifier = parseVerifier(vkey);
    expect(verifier && formatVerifier(verifier)).toBe(vkey);
    const opened = openNote(example, [verifier!]);
    expect(opened.kind).toBe("signed");
    const forged = openNote(example.replace("is", "was"), [verifier!]);
    expect(forged.kind).toBe("forged");
  });

  test("is signed and opened again", () => {
    expect(openNote(note, [signer.verifier])).toEqual({
      kind: "signed",
      text: TEXT,
      by: [signer.verifier],
      others: [],
    });
  });

  test("may have empty lines in its text", () => {
    const opened = openNote(signNote("one\n\ntwo\n", [signer]), [signer.verifier]);
    expect(opened).toMatchObject({ kind: "signed", text: "one\n\ntwo\n" });
  });

  test("that two keys signed is believed by whoever knows either", () => {
    const both = signNote(TEXT, [signer, successor]);
    const { keyId } = successor.verifier;
    expect(openNote(both, [signer.verifier])).toMatchObject({
      by: [signer.verifier],
      others: [`${successor.name}+${keyId}`],
    });
    expect(openNote(both, [successor.verifier])).toMatchObject({ by: [successor.verifier] });
    expect(openNote(both, [successor.verifier, signer.verifier])).toMatchObject({
      by: [signer.verifier, successor.verifier],
    });
  });

  test("of a key that nobody knows is not believed, and says whose it is", () => {
    const { verifier } = signer;
    expect(openNote(note, [successor.verifier])).toEqual({
      kind: "unknown-key",
      signers: [`${verifier.name}+${verifier.keyId}`],
    });
    expect(openNote(note, [])).toMatchObject({ kind: "unknown-key" });
  });

  test("of which one known signature is wrong is not believed, whoever else signed it", () => {
    const [, , , , line = ""] = signNote("other\n".repeat(3), [successor]).split("\n");
    const doubtful = `${note}${line}\n`;
    expect(openNote(doubtful, [signer.verifier, successor.verifier])).toEqual({
      kind: "forged",
      by: successor.verifier,
    });
    expect(openNote(doubtful, [signer.verifier])).toMatchObject({ kind: "signed" });
  });

  test("with any byte changed is not believed", () => {
    const bytes = Buffer.from(note);
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      expect(openNote(changed.toString("utf8"), [signer.verifier]).kind).not.toBe("signed");
    }
  });

  test("that was cut anywhere is not believed", () => {
    for (let end = 0; end < note.length; end += 1) {
      expect(openNote(note.slice(0, end), [signer.verifier]).kind).not.toBe("signed");
    }
  });

  test.each([
    ["nothing", ""],
    ["no signature", `${TEXT}\n`],
    ["no empty line", TEXT],
    ["carriage returns", note.replaceAll("\n", "\r\n")],
    ["a hyphen for the dash", note.replace("—", "-")],
    ["a space too many", note.replace("— ", "—  ")],
    ["something after the signatures", `${note}more\n`],
    ["a control character", note.replace("42", "4\t2")],
    ["loose base64", note.replace(/=\n$/, "\n")],
    ["one signature twice", `${note}${note.split("\n").at(-2)}\n`],
    [
      "more signatures than anybody needs",
      signNote(
        TEXT,
        Array.from({ length: 17 }, () => generateSigner("x")),
      ),
    ],
  ])("with %s is malformed", (_what, text) => {
    expect(openNote(text, [signer.verifier]).kind).toBe("malformed");
  });

  test.each([["no line break at the end"], ["a\ttab\n"], ["half a character \ud800\n"], [""]])(
    "cannot be signed of %j",
    (text) => {
      expect(() => signNote(text, [signer])).toThrow(RangeError);
    },
  );
});

describe("a key", () => {
  test("is written and read again, and prints as a secret", () => {
    const key = formatSigner(signer);
    expect(inspect(key)).toBe("[secret]");
    const again = signerFrom(new Secret(`${key.reveal()}\n`));
    expect(again?.verifier.keyId).toBe(signer.verifier.keyId);
    expect(openNote(signNote(TEXT, [again!]), [signer.verifier]).kind).toBe("signed");
  });

  test("that is damaged is refused", () => {
    const key = formatSigner(signer).reveal();
    for (let at = 0; at < key.length; at += 1) {
      const other = key[at] === "A" ? "B" : "A";
      expect(signerFrom(new Secret(key.slice(0, at) + other + key.slice(at + 1)))).toBeUndefined();
    }
    expect(signerFrom(new Secret(""))).toBeUndefined();
    expect(signerFrom(new Secret(formatVerifier(signer.verifier)))).toBeUndefined();
  });

  test("that is damaged in its public half is refused", () => {
    const vkey = formatVerifier(signer.verifier);
    for (let at = 0; at < vkey.length; at += 1) {
      const other = vkey[at] === "A" ? "B" : "A";
      expect(parseVerifier(vkey.slice(0, at) + other + vkey.slice(at + 1))).toBeUndefined();
      expect(parseVerifier(vkey.slice(0, at))).toBeUndefined();
    }
  });

  test.each([[""], ["a b"], ["a+b"], ["a\nb"], ["a\u2028b"]])("cannot be named %j", (name) => {
    expect(() => generateSigner(name)).toThrow(RangeError);
  });
});
