import type { Actor } from "../../core/actor.ts";
import { formatVerifier, openNote } from "../../core/signed-note.ts";
import { pass } from "../../core/trace.ts";
import type { Database } from "../../storage/database.ts";
import { newestCheckpoint } from "../../storage/evidence-checkpoint.ts";
import { lockHead } from "../../storage/evidence.ts";
import { addSigningKey, loadSigningKeys, type KeyPlace } from "../../storage/signing-key.ts";
import type { RecordEvent } from "../engine/run-record.ts";
import { keyCause, type Checkpointer, type Signing } from "./checkpointer.ts";

export type KeyRotated = {
  /** The public key that is to be believed from now on. */
  readonly vkey: string;
  readonly signing: Signing;
};

/**
 * Replaces the signing key. The new one lies behind the old one before anything else happens, so whoever signs next
 * finishes what was begun here: an entry, and a checkpoint signed by both. When the old key is lost, there is only the
 * word of a person for the one that was made in its place.
 *
 * @throws {SigningKeyError} when the key is the configuration's
 */
export async function rotateKey(
  parts: {
    readonly database: Database;
    readonly keys: KeyPlace;
    readonly checkpointer: Checkpointer;
    readonly record: RecordEvent;
  },
  order: { readonly actor: Actor; readonly reason: string },
): Promise<KeyRotated> {
  const { database, keys: place, checkpointer, record } = parts;
  const { signers } = await loadSigningKeys(place);
  const last = await database.transaction(async (tx) => newestCheckpoint(tx, place.target));
  const ours = signers.map(({ verifier }) => verifier);
  const isLost = last !== undefined && openNote(last.note, ours).kind !== "signed";
  const present = signers.at(-1) ?? signers[0];
  if (isLost) {
    await database.transaction(async (tx, now) =>
      record(tx, now, {
        operation: "evidence",
        cause: keyCause(present),
        actor: order.actor,
        event: {
          kind: "key.rotated",
          result: "replaced",
          facts: { key: present.verifier.keyId, before: "lost", reason: order.reason },
        },
      }),
    );
    return { vkey: formatVerifier(present.verifier), signing: await checkpointer.sign() };
  }
  const added = await database.transaction(async (tx) => {
    // One person at a time: of two who read the same keys, one would write away what the other was told.
    await lockHead(tx, place.target);
    return addSigningKey(place, (await loadSigningKeys(place)).signers, order);
  });
  pass("key.added", `${place.target}:${added.verifier.keyId}`);
  return { vkey: formatVerifier(added.verifier), signing: await checkpointer.sign() };
}
