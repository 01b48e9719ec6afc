import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

import type { Secret } from "../core/secret.ts";

const ALGORITHM = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const TAG = { authTagLength: TAG_BYTES } as const;
const KEY_BYTES = 32;

/** Seals what people wrote before it is stored. The context binds a sealed text to its row. */
export type Seal = {
  close(text: string, context: string): Buffer;
  /** @throws {Error} when the bytes were changed, moved to another row, or sealed with another key */
  open(sealed: Buffer, context: string): string;
};

export function createSeal(key: Secret): Seal {
  const bytes = Buffer.from(key.reveal(), "base64");
  if (bytes.length !== KEY_BYTES) {
    throw new Error(
      `sealKey must be ${KEY_BYTES} bytes in base64 (it has ${bytes.length}); make one with: openssl rand -base64 ${KEY_BYTES}`,
    );
  }
  return {
    close(text, context) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, bytes, nonce, TAG).setAAD(Buffer.from(context));
      const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]);
    },
    open(sealed, context) {
      const decipher = createDecipheriv(ALGORITHM, bytes, sealed.subarray(0, NONCE_BYTES), TAG)
        .setAAD(Buffer.from(context))
        .setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      const body = sealed.subarray(NONCE_BYTES + TAG_BYTES);
      return Buffer.concat([decipher.update(body), decipher.final()]).toString("utf8");
    },
  };
}
