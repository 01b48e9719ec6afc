import { createHash, timingSafeEqual } from "node:crypto";

import type { Secret } from "../core/secret.ts";

/** Telegram's alphabet for it, and long enough that nobody tries them all. */
const FORM = /^[\w-]{32,256}$/;

export function webhookSecretProblem(secret: string): string | undefined {
  if (FORM.test(secret)) return undefined;
  return "expected 32 to 256 of A–Z, a–z, 0–9, _ and -, such as `openssl rand -hex 32` gives";
}

/** Compares digests, so that neither the time nor the length of what came tells anything of the secret. */
export function createSecretGuard(secret: Secret): (given: string | undefined) => boolean {
  const expected = digest(secret.reveal());
  return (given) => timingSafeEqual(digest(given ?? ""), expected);
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
