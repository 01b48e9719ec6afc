import { randomBytes } from "node:crypto";

import { describe, expect, test } from "vitest";

import {
  bondMac,
  deriveApprovalKeys,
  isSameMac,
  questionDigest,
  voteMac,
  type Bond,
  type BondedVote,
} from "./approval-bond.ts";
import { Secret } from "./secret.ts";

const sealKey = new Secret(randomBytes(32).toString("base64"));
const keys = deriveApprovalKeys(sealKey);
const at = new Date("2026-11-23T03:04:05.678Z");

const bond: Bond = {
  runId: "7",
  n: 1,
  target: "alpha",
  operation: "rollback",
  requester: { via: "telegram", name: "Otto", telegram: "1002", role: "operator" },
  policy: "second-person",
  needsCode: false,
  parameters: { release: "9e10" },
  observed: { release: "ab12", schema: "f00d" },
  basis: "digest",
  configHash: "config",
  logOrigin: "flightdeck/evidence/alpha",
  nonce: randomBytes(16),
  askedAt: at,
  expiresAt: new Date(at.getTime() + 600_000),
};

/** One change of each member; a member that is forgotten here is a type error. */
const changes: { readonly [Member in keyof Bond]: Bond[Member] } = {
  runId: "8",
  n: 2,
  target: "beta",
  operation: "deploy",
  requester: { via: "telegram", name: "Otto", telegram: "1003", role: "operator" },
  policy: "confirm",
  needsCode: true,
  parameters: { release: "ab12" },
  observed: { release: "ab12" },
  basis: "another",
  configHash: "another",
  logOrigin: "another",
  nonce: randomBytes(16),
  askedAt: new Date(at.getTime() + 1),
  expiresAt: new Date(at.getTime() + 600_001),
};

const vote: BondedVote = {
  telegram: "1003",
  name: "Ada",
  via: "telegram",
  vote: "yes",
  at,
  cause: "tap-1",
};

const voteChanges: { readonly [Member in keyof BondedVote]: BondedVote[Member] } = {
  telegram: "1004",
  name: "Bea",
  via: "cli",
  vote: "no",
  at: new Date(at.getTime() + 1),
  cause: "tap-2",
};

describe("what a yes is bound to", () => {
  test.each(Object.keys(changes))("holds its %s", (member) => {
    const changed = { ...bond, [member]: changes[member as keyof Bond] };
    expect(isSameMac(bondMac(keys, bond), bondMac(keys, changed))).toBe(false);
    expect(questionDigest(changed)).not.toBe(questionDigest(bond));
    expect(isSameMac(voteMac(keys, bond, vote), voteMac(keys, changed, vote))).toBe(false);
  });

  test.each(Object.keys(voteChanges))("holds the %s of a vote", (member) => {
    const changed = { ...vote, [member]: voteChanges[member as keyof BondedVote] };
    expect(isSameMac(voteMac(keys, bond, vote), voteMac(keys, bond, changed))).toBe(false);
  });

  test("is the same whatever else a row carries, and in whatever order", () => {
    const row = { state: "posted", ...bond, observed: { schema: "f00d", release: "ab12" } };
    expect(isSameMac(bondMac(keys, row), bondMac(keys, bond))).toBe(true);
  });

  test("cannot be made with another key, and a row's is no vote's", () => {
    const other = deriveApprovalKeys(new Secret(randomBytes(32).toString("base64")));
    expect(isSameMac(bondMac(other, bond), bondMac(keys, bond))).toBe(false);
    expect(isSameMac(voteMac(keys, bond, vote), bondMac(keys, bond))).toBe(false);
    expect(isSameMac(Buffer.alloc(0), bondMac(keys, bond))).toBe(false);
  });

  test("is signed with keys of its own, which are not the seal's", () => {
    expect(deriveApprovalKeys(sealKey)).toEqual(keys);
    expect(keys.rows.equals(keys.buttons)).toBe(false);
    const seal = Buffer.from(sealKey.reveal(), "base64");
    expect([keys.rows, keys.buttons].some((key) => key.equals(seal))).toBe(false);
  });
});
