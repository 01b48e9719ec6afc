import { createHash } from "node:crypto";

import type { Database } from "./database.ts";
import { Refusal } from "./refusal.ts";

export type Claim = { readonly key: string; readonly fingerprint: string };

export function claimOf(request: {
  readonly key: string | null;
  readonly method: string;
  readonly path: string;
  readonly user: string;
  readonly text: string;
}): Claim {
  if (request.key === null || request.key === "") {
    throw new Refusal(400, "Missing Idempotency-Key header");
  }
  const parts = [request.method, request.path, request.user, request.text];
  return {
    key: request.key,
    fingerprint: createHash("sha256").update(parts.join("\n")).digest("hex"),
  };
}

/** The answer that was given under this key, if any. An expired key still replays or collides: nothing reads the expiry. */
export async function findAnswer(database: Database, claim: Claim): Promise<object | undefined> {
  const [earlier] = await database.query<{ request_hash: string; response_body: object }>(
    `select request_hash, response_body from idempotency_keys where idempotency_key = $1`,
    [claim.key],
  );
  if (earlier === undefined) return undefined;
  if (earlier.request_hash !== claim.fingerprint)
    throw new Refusal(409, "Idempotency key collision");
  return earlier.response_body;
}

/**
 * Kept after the work, not claimed before it: of the same key sent in parallel every request does the work, and all but
 * the first fail here on the unique key.
 */
export async function keepAnswer(database: Database, claim: Claim, answer: object): Promise<void> {
  await database.query(
    `insert into idempotency_keys (idempotency_key, request_hash, response_body, expires_at)
     values ($1, $2, $3, now() + interval '24 hours')`,
    [claim.key, claim.fingerprint, JSON.stringify(answer)],
  );
}
