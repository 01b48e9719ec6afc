import { describe, expect, test } from "vitest";

import { scramVerifier } from "./scram-verifier.ts";
import { Secret } from "./secret.ts";

describe("what PostgreSQL keeps of a password", () => {
  test("is computed as its own server computes it", () => {
    // As PostgreSQL 15 kept it for `alter role … password 'pencil'`; the exchange in RFC 7677 has the same salt.
    const verifier = scramVerifier(
      new Secret("pencil"),
      Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"),
    );
    expect(verifier.reveal()).toBe(
      "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$" +
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    );
  });

  test("is not computed from what a login would normalise first", () => {
    expect(() => scramVerifier(new Secret("päss"), Buffer.alloc(16))).toThrow("plain characters");
    expect(() => scramVerifier(new Secret(""), Buffer.alloc(16))).toThrow("plain characters");
  });

  test("is as secret as the password", () => {
    expect(String(scramVerifier(new Secret("pencil"), Buffer.alloc(16)))).toBe("[secret]");
  });
});
