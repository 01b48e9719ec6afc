import { createHash } from "node:crypto";

import canonicalize from "canonicalize";

/** SHA-256 over the canonical JSON (RFC 8785) of a value: the same for every order of keys and every layout. */
export function digestOf(value: unknown): string {
  const form = canonicalize(value);
  if (form === undefined) throw new TypeError("Only a JSON value has a digest.");
  return createHash("sha256").update(form, "utf8").digest("hex");
}
