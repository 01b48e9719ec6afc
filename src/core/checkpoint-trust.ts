import type { Checkpoint } from "./checkpoint.ts";
import { checkpointIn } from "./note-checkpoint.ts";
import { openNote, type NoteVerifier } from "./signed-note.ts";

/** What the signatures of one note are worth. */
export type Trust =
  | {
      readonly kind: "trusted";
      readonly checkpoint: Checkpoint;
      readonly key: NoteVerifier;
      /** Who signed it as well and is not known: the next key, or anybody. */
      readonly doubt: string | undefined;
    }
  /** Nobody who could sign for this log did: tampering. */
  | { readonly kind: "forged"; readonly message: string }
  /** Signed under the log's name by a key that was not given. */
  | { readonly kind: "unknown-key"; readonly message: string; readonly checkpoint: Checkpoint };

/**
 * Judges the notes of one log in their order. The keys are given in the order of their use, the newest last: once a newer
 * one has signed, an older one alone is good for nothing any more, because it may have been stolen since.
 */
export function createTrust(
  origin: string,
  given: readonly NoteVerifier[],
): (note: string) => Trust {
  const keys = given.filter(({ name }) => name === origin);
  /** Keys that were not given, and for which one vouched that was. */
  const introduced = new Set<string>();
  let newest = -1;
  return (note) => {
    const opened = openNote(note, keys);
    const checkpoint = checkpointIn(note);
    if (opened.kind === "malformed" || !checkpoint) {
      const problem = opened.kind === "malformed" ? opened.problem : "its text is no checkpoint";
      return { kind: "forged", message: `The checkpoint is not signed: ${problem}.` };
    }
    if (checkpoint.origin !== origin) {
      return { kind: "forged", message: `The checkpoint is one of the log ${checkpoint.origin}.` };
    }
    switch (opened.kind) {
      case "forged":
        return {
          kind: "forged",
          message: `The signature by ${nameOf(opened.by)} is wrong: it was made for another text, or by somebody else.`,
        };
      case "unknown-key": {
        const signers = opened.signers.join(", ");
        if (opened.signers.some((signer) => introduced.has(signer))) {
          const message = `The key was replaced by ${signers}, which is not among the keys that were given.`;
          return { kind: "unknown-key", message, checkpoint };
        }
        // A log whose key we know has no business with another one for which that key did not vouch.
        if (newest >= 0) {
          const message = `The checkpoint is signed by ${signers}, which is none of the keys of this log.`;
          return { kind: "forged", message };
        }
        const message = `The checkpoint is signed by ${signers}, which is not among the keys that were given.`;
        return { kind: "unknown-key", message, checkpoint };
      }
      case "signed": {
        const used = Math.max(...opened.by.map((key) => keys.indexOf(key)));
        const key = keys[used];
        if (!key || used < newest) {
          return {
            kind: "forged",
            message: `The checkpoint is signed by ${opened.by.map(nameOf).join(", ")}, which a newer key had replaced before.`,
          };
        }
        newest = used;
        for (const other of opened.others) introduced.add(other);
        const others = opened.others.join(", ");
        const doubt = `The checkpoint is signed by ${others} as well, which is not among the keys that were given.`;
        return { kind: "trusted", checkpoint, key, doubt: others === "" ? undefined : doubt };
      }
    }
  };
}

function nameOf({ name, keyId }: NoteVerifier): string {
  return `${name}+${keyId}`;
}
