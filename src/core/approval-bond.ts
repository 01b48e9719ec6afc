import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";

import canonicalize from "canonicalize";

import type { Actor } from "./actor.ts";
import type { ApprovalPolicy, Facts } from "./approval.ts";
import { digestOf } from "./digest.ts";
import type { Secret } from "./secret.ts";

const KEY_BYTES = 32;

/** The keys by which rows and buttons of approvals are known to be ours. None of them is in the database. */
export type ApprovalKeys = { readonly rows: Buffer; readonly buttons: Buffer };

export function deriveApprovalKeys(sealKey: Secret): ApprovalKeys {
  const key = Buffer.from(sealKey.reveal(), "base64");
  const derive = (purpose: string): Buffer =>
    Buffer.from(hkdfSync("sha256", key, "", `flightdeck/${purpose}`, KEY_BYTES));
  return { rows: derive("approval"), buttons: derive("approval-button") };
}

/** Everything that a yes is bound to. Whoever changes any of it in the database has no yes any more. */
export type Bond = {
  readonly runId: string;
  readonly n: number;
  readonly target: string;
  readonly operation: string;
  readonly requester: Actor;
  readonly policy: ApprovalPolicy;
  readonly needsCode: boolean;
  readonly parameters: Facts;
  readonly observed: Facts;
  readonly basis: string;
  readonly configHash: string;
  readonly logOrigin: string;
  readonly nonce: Buffer;
  readonly askedAt: Date;
  readonly expiresAt: Date;
};

export type BondedVote = {
  readonly telegram: string;
  readonly name: string;
  readonly via: "telegram" | "cli";
  readonly vote: "yes" | "no";
  readonly at: Date;
  readonly cause: string;
};

/** Stands for what is asked: in every button, and as the code on every screen. */
export function questionDigest(bond: Bond): string {
  return digestOf(plain(bond));
}

export function bondMac({ rows }: ApprovalKeys, bond: Bond): Buffer {
  return hmac(rows, { approval: plain(bond) });
}

export function voteMac({ rows }: ApprovalKeys, bond: Bond, vote: BondedVote): Buffer {
  const { telegram, name, via, vote: said, at, cause } = vote;
  const told = { telegram, name, via, vote: said, at: at.toISOString(), cause };
  return hmac(rows, { approval: plain(bond), vote: told });
}

export function isSameMac(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

/** As JSON, and of exactly these members, whatever else the object at hand may carry. */
function plain(bond: Bond) {
  const { runId, n, target, operation, requester, policy, needsCode, parameters, observed } = bond;
  const { basis, configHash, logOrigin, nonce, askedAt, expiresAt } = bond;
  return {
    runId,
    n,
    target,
    operation,
    requester,
    policy,
    needsCode,
    parameters,
    observed,
    basis,
    configHash,
    logOrigin,
    nonce: nonce.toString("hex"),
    askedAt: askedAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
  };
}

function hmac(key: Buffer, value: object): Buffer {
  return createHmac("sha256", key)
    .update(canonicalize(value) ?? "")
    .digest();
}
