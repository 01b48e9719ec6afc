import { createHmac, hkdfSync } from "node:crypto";

import type { Secret } from "./secret.ts";

/**
 * What of a value is compared: all of it, each member of a comma-separated list, the server that an address leads to,
 * or that server's database.
 */
export const FINGERPRINT_FORMS = ["value", "members", "server", "database"] as const;
export type FingerprintForm = (typeof FINGERPRINT_FORMS)[number];

/**
 * Fingerprints by which secrets are compared and which say nothing about them: without the key, which nobody keeps,
 * not even a guess can be tried. Two secrets have something in common when they share a fingerprint.
 */
export function fingerprintsOf(
  secret: Secret,
  form: FingerprintForm,
  key: Buffer,
): readonly string[] {
  return partsOf(secret.reveal(), form).map((part) =>
    createHmac("sha256", key).update(part, "utf8").digest("hex"),
  );
}

const SHOWN_DIGITS = 8;

/**
 * What people may see of a secret: the same eight digits wherever it turns up, under a key that the seal key alone leads
 * to, so that nobody can try guesses on them.
 */
export function shownFingerprint(secret: Secret, sealKey: Secret): string {
  const derived = hkdfSync(
    "sha256",
    Buffer.from(sealKey.reveal(), "base64"),
    "",
    "flightdeck/fingerprint",
    32,
  );
  const [fingerprint = ""] = fingerprintsOf(secret, "value", Buffer.from(derived));
  return fingerprint.slice(0, SHOWN_DIGITS);
}

function partsOf(text: string, form: FingerprintForm): readonly string[] {
  if (text === "") return [];
  switch (form) {
    case "value":
      return [text];
    case "members":
      return text.split(",").flatMap(memberParts);
    case "server":
    case "database":
      return [placeOf(text, form)];
  }
}

/** A member may be bound to something, as in `token:user`; then the token alone is compared as well. */
function memberParts(member: string): readonly string[] {
  const whole = member.trim();
  const bound = whole.split(":")[0] ?? "";
  return [...new Set([whole, bound.trim()])].filter((part) => part !== "");
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { postgresql: "5432", redis: "6379" };

/** Who logs in, how, and by which driver does not change what is reached. */
function placeOf(text: string, form: "server" | "database"): string {
  const url = URL.parse(text);
  if (url === null || url.host === "") return text;
  const scheme = url.protocol
    .replace(/[+:].*$/, "")
    .replace(/^postgres$/, "postgresql")
    .replace(/^rediss$/, "redis");
  // The hosts of schemes that a browser does not know are left as they were written.
  const server = `${scheme}://${url.hostname.toLowerCase()}:${url.port || DEFAULT_PORTS[scheme]}`;
  return form === "server" ? server : `${server}${url.pathname.replace(/\/+$/, "")}`;
}
