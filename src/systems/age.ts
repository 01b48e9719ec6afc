import {
  armor,
  Decrypter,
  Encrypter,
  generateX25519Identity,
  identityToRecipient,
} from "age-encryption";

import { Secret } from "../core/secret.ts";
import { BrokenSealError, openSeal } from "./age-stream.ts";
import { SystemError, safeCause } from "./system-error.ts";

/** What is wrong with a recipient, if anything. It is public, so it may be quoted. */
export function recipientProblem(text: string): string | undefined {
  if (text.startsWith("AGE-SECRET-KEY-")) {
    return "this is an identity, which opens backups; expected its recipient, which starts with age1";
  }
  try {
    new Encrypter().addRecipient(text);
    return undefined;
  } catch {
    return "expected a recipient such as age1… from age-keygen";
  }
}

/** What is wrong with an identity, if anything; quotes none of it. */
export function identityProblem(revealed: string): string | undefined {
  try {
    new Decrypter().addIdentity(identityIn(revealed));
    return undefined;
  } catch {
    return "expected the file that age-keygen writes, or its line AGE-SECRET-KEY-1…";
  }
}

export async function newIdentity(): Promise<Secret> {
  return new Secret(await generateX25519Identity());
}

/** @throws {SystemError} `malformed` when it was sealed for another identity, or is damaged */
export async function openArmored(armored: string, identity: Secret): Promise<string> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identityIn(identity.reveal()));
  try {
    return await decrypter.decrypt(armor.decode(armored), "text");
  } catch (error) {
    const message = "cannot open what is sealed: it is for another identity, or damaged";
    throw new SystemError("age", "malformed", message, { cause: safeCause(error) });
  }
}

/** The recipient that an identity opens for. */
export async function recipientOf(identity: Secret): Promise<string> {
  return identityToRecipient(identityIn(identity.reveal()));
}

/**
 * What was sealed, piece by piece as it is opened. Reading to the end proves every byte; a piece that was changed, and an
 * end that is missing, are errors.
 */
export async function* unsealed(
  sealed: AsyncIterable<Uint8Array>,
  identity: Secret,
): AsyncGenerator<Uint8Array> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identityIn(identity.reveal()));
  try {
    yield* openSeal(sealed, decrypter);
  } catch (error) {
    // Not being able to read is not the same as having read something wrong.
    if (!(error instanceof BrokenSealError)) throw error;
    const message = `cannot open what is sealed: ${error.message}`;
    throw new SystemError("age", "malformed", message, { cause: safeCause(error) });
  }
}

/** age-keygen writes comments above the line that matters. */
function identityIn(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.find((line) => line !== "" && !line.startsWith("#")) ?? "";
}
