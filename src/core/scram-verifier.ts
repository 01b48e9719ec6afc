import { createHash, createHmac, pbkdf2Sync } from "node:crypto";

import { Secret } from "./secret.ts";

/** What PostgreSQL takes by default; both sides count them at every login. */
const ITERATIONS = 4_096;

/**
 * What PostgreSQL keeps of a password, in the form in which it can be handed over in the password's place (RFC 5803): so
 * the password itself is in no statement, and a server that logs its statements has none in its log. Only for a password
 * of plain ASCII, which no normalisation changes.
 */
export function scramVerifier(password: Secret, salt: Buffer): Secret {
  const revealed = password.reveal();
  if (!/^[\x21-\x7e]+$/.test(revealed)) {
    throw new Error("The password has other than plain characters; expected visible ASCII alone.");
  }
  const salted = pbkdf2Sync(revealed, salt, ITERATIONS, 32, "sha256");
  const keyOf = (name: string): Buffer => createHmac("sha256", salted).update(name).digest();
  const storedKey = createHash("sha256").update(keyOf("Client Key")).digest("base64");
  const serverKey = keyOf("Server Key").toString("base64");
  return new Secret(
    `SCRAM-SHA-256$${ITERATIONS}:${salt.toString("base64")}$${storedKey}:${serverKey}`,
  );
}
