import { createTrust, type Trust } from "./checkpoint-trust.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { genesisHash, type Entry } from "./entry.ts";
import { incomplete, tampered, type Finding, type FoundAt } from "./log-finding.ts";
import { openIntentAccount } from "./log-meaning.ts";
import type { LogPlace, Recorded } from "./log-text.ts";
import { emptyTree, rootOf, withLeaf, type Tree } from "./merkle.ts";
import type { NoteVerifier } from "./signed-note.ts";

/** What was seen outside of the log: that its first `size` entries have this root. */
export type OutsideCheckpoint = Checkpoint & {
  readonly seenIn: string;
  /** Whether it is a signed note, which then has to stand in the log as well. */
  readonly isNote: boolean;
};

/** How far a log is judged, and what was found on the way. */
export type LogStanding = {
  readonly origin: string;
  /** What its first entry that was given continues. */
  readonly start: { readonly seq: number; readonly hash: string };
  readonly size: number;
  readonly head: string;
  /** Empty when earlier parts are missing: their hashes are not there to be counted in. */
  readonly tree: Tree;
  readonly checkpoints: number;
  readonly lastTrusted:
    | (Checkpoint & { readonly keyId: string; readonly note: string })
    | undefined;
  readonly compared: number;
};

export type LogVerifier = {
  /** A file begins. */
  begin(at: FoundAt, header: { origin: string; after: LogPlace | undefined }): Finding | undefined;
  entry(at: FoundAt, recorded: Recorded): Finding | undefined;
  checkpoint(at: FoundAt, note: string): Finding | undefined;
  /** What is missing, or speaks against the log as a whole, once all of it was seen. */
  end(at: FoundAt): readonly Finding[];
  /** What makes nothing wrong and is worth knowing. */
  remarks(): readonly string[];
  standing(): LogStanding;
};

/**
 * Judges the items of one log in their order: chain and numbers, roots and signatures of its checkpoints, checkpoints
 * seen outside, and what its entries say of each other. Where they were read from is the caller's matter.
 */
export function createLogVerifier(options: {
  readonly origin: string;
  readonly keys: readonly NoteVerifier[];
  readonly outside: readonly OutsideCheckpoint[];
  /** How many entries exist elsewhere, which may not have been written here yet. */
  readonly existing?: number | undefined;
}): LogVerifier {
  const { origin } = options;
  const trust = createTrust(origin, options.keys);
  const account = openIntentAccount();
  const outside = options.outside
    .filter((seen) => seen.origin === origin)
    .toSorted((one, other) => one.size - other.size);
  const notes = new Map(outside.filter(({ isNote }) => isNote).map((seen) => [seen.size, seen]));
  const jumps: string[] = [];
  const unknownKeys: Finding[] = [];

  let start = { seq: 0, hash: genesisHash(origin) };
  let begun = false;
  let size = 0;
  let head = start.hash;
  let tree = emptyTree();
  let lastAt = "";
  let checkpoints = 0;
  let lastCheckpoint = 0;
  let lastTrusted: LogStanding["lastTrusted"];
  /** The next of the checkpoints seen outside that the log has not come to. */
  let awaited = 0;
  let compared = 0;
  let agreed = 0;

  /** Keys of other logs can speak neither for nor against this one, however sound its chain is. */
  const ownKeys = options.keys.filter(({ name }) => name === origin);
  const isOfNoKey = options.keys.length > 0 && ownKeys.length === 0;

  const isWhole = (): boolean => start.seq === 0;

  /** Whether what was seen outside for this size is what stands here, once all that belongs to it was read. */
  const compare = (at: FoundAt): Finding | undefined => {
    for (;;) {
      const seen = outside[awaited];
      if (!seen || seen.size > size) return undefined;
      awaited += 1;
      if (seen.size < size || !isWhole()) continue;
      const finding = isOn(at, seen, `What was seen in ${seen.seenIn} of ${seen.size} entries`);
      if (finding) return finding;
      compared += 1;
    }
  };

  const isOn = (at: FoundAt, checkpoint: Checkpoint, name: string): Finding | undefined => {
    const root = rootOf(tree);
    if (checkpoint.root === root) {
      agreed = checkpoint.size;
      return undefined;
    }
    const range = `between #${agreed + 1} and #${checkpoint.size}`;
    const message = `${name} was made over other entries than those that stand here; the first other one is ${range}.`;
    return tampered("rewritten", { ...at, seq: String(agreed + 1) }, message, {
      expected: `root ${checkpoint.root}`,
      found: `root ${root}`,
    });
  };

  /** What was seen outside as a checkpoint of this size has to stand here too. */
  const isMissing = (): OutsideCheckpoint | undefined =>
    lastCheckpoint === size ? undefined : notes.get(size);

  const missing = (at: FoundAt, seen: OutsideCheckpoint): Finding => {
    const message = `The checkpoint of ${seen.size} entries, which was seen in ${seen.seenIn}, is missing behind #${seen.size}.`;
    return tampered("cut", { ...at, seq: String(seen.size) }, message);
  };

  return {
    begin(at, header) {
      if (header.origin !== origin) {
        const message = "The file belongs to another log.";
        return tampered("foreign", at, message, { expected: origin, found: header.origin });
      }
      const { after } = header;
      if (!begun) {
        begun = true;
        if (after) {
          start = { seq: Number(after.seq), hash: after.hash };
          size = start.seq;
          head = start.hash;
          lastCheckpoint = size;
        }
        return undefined;
      }
      return breakBetween(at, after);
    },
    entry(at, { entry, hash }) {
      const removed = size > 0 && isMissing();
      if (removed) return missing(at, removed);
      const broken = breakOf(at, entry);
      if (broken) return broken;
      size += 1;
      head = hash;
      if (isWhole()) tree = withLeaf(tree, hash);
      if (entry.at < lastAt && entry.kind !== "clock.jumped") jumps.push(entry.seq);
      lastAt = entry.at;
      const contradiction = isWhole() ? account.take(entry) : undefined;
      if (contradiction !== undefined) {
        return tampered("contradictory", { ...at, seq: entry.seq }, contradiction);
      }
      return compare({ ...at, seq: entry.seq });
    },
    checkpoint(at, note) {
      const here = { ...at, seq: String(size) };
      const judged = trust(note);
      if (judged.kind === "forged") return tampered("forged", here, judged.message);
      const misplaced = misplacedIn(here, judged);
      if (misplaced) return misplaced;
      checkpoints += 1;
      lastCheckpoint = size;
      const doubt = judged.kind === "trusted" ? judged.doubt : judged.message;
      if (doubt !== undefined && unknownKeys.length === 0) {
        unknownKeys.push({ class: "key", kind: "unknown-key", at: here, message: doubt });
      }
      if (judged.kind === "trusted") {
        lastTrusted = { ...judged.checkpoint, keyId: judged.key.keyId, note };
      }
      return isWhole() ? isOn(here, judged.checkpoint, "The checkpoint") : undefined;
    },
    end(at) {
      const here = { ...at, seq: String(size) };
      const beyond = outside[awaited];
      if (beyond && beyond.size > (options.existing ?? 0)) return [cutOff(here, beyond)];
      const findings: Finding[] = [...unknownKeys];
      if (isOfNoKey && unknownKeys.length === 0) {
        const names = [...new Set(options.keys.map(({ name }) => name))].join(", ");
        const message = `The log calls itself ${origin}, and the keys that were given are those of ${names}.`;
        findings.push({ class: "key", kind: "unknown-key", at: here, message });
      }
      const removed = isMissing();
      if (removed) findings.push(incomplete("lagging", here, missing(here, removed).message));
      if (size < (options.existing ?? 0)) {
        const message = `#${size + 1} to #${options.existing} are recorded and not written here yet.`;
        findings.push(incomplete("lagging", here, message));
      }
      if (!isWhole()) {
        const message = `The parts with #1 to #${start.seq} were not given, so no checkpoint could be recomputed.`;
        findings.push(incomplete("partial", { ...at, seq: undefined }, message));
      }
      const [open] = account.open();
      if (open) {
        const message = `${open.what} was begun with #${open.seq} and has no outcome yet.`;
        findings.push(incomplete("open", { ...at, offset: undefined, seq: open.seq }, message));
      }
      return findings;
    },
    remarks() {
      const since = size - (lastTrusted?.size ?? start.seq);
      const remarks: string[] = [];
      if (since > 0) {
        remarks.push(
          `${since === 1 ? "1 entry" : `${since} entries`} at the end: chained, and vouched for by no signature yet.`,
        );
      }
      const newestKey = ownKeys.at(-1)?.keyId;
      // Whoever has stolen a key that was replaced can tell the whole log anew, as it might have been before.
      if (lastTrusted && lastTrusted.keyId !== newestKey) {
        remarks.push(
          `The newest key that was given, ${newestKey}, has signed nothing here; an older one signed last.`,
        );
      }
      if (jumps.length > 0) {
        remarks.push(`The clock went back in front of #${jumps.slice(0, 5).join(", #")}.`);
      }
      return remarks;
    },
    standing: () => ({
      origin,
      start,
      size,
      head,
      tree,
      checkpoints,
      lastTrusted,
      compared,
    }),
  };

  function cutOff(at: FoundAt, beyond: OutsideCheckpoint): Finding {
    const message =
      `A checkpoint of ${beyond.size} entries was seen in ${beyond.seenIn}, and the log ends with #${size}: ` +
      "its end was cut off, or it was continued from an old backup. Should it merely be behind, --db shows so.";
    return tampered("cut", { ...at, seq: String(size + 1) }, message, {
      expected: `#${size + 1}`,
      found: "the end",
    });
  }

  /** The raw break of chain and numbers; what caused it, `nameTheBreak` tells from the whole log. */
  function breakOf(at: FoundAt, entry: Entry): Finding | undefined {
    const here = { ...at, seq: entry.seq };
    if (entry.log !== origin) {
      const message = `#${entry.seq} is an entry of another log.`;
      return tampered("foreign", here, message, { expected: origin, found: entry.log });
    }
    if (entry.seq !== String(size + 1)) {
      const message = `#${entry.seq} stands where #${size + 1} belongs.`;
      return tampered("broken", here, message, {
        expected: `#${size + 1}`,
        found: `#${entry.seq}`,
      });
    }
    if (entry.prev !== head) {
      const message = `#${entry.seq} continues another entry than the one in front of it.`;
      return tampered("broken", here, message, {
        expected: `previous sha256 ${head}`,
        found: `previous sha256 ${entry.prev}`,
      });
    }
    return undefined;
  }

  function breakBetween(at: FoundAt, after: LogPlace | undefined): Finding | undefined {
    const found = after ? Number(after.seq) : 0;
    const expected = `continues #${size}`;
    const seq = String(Math.min(found, size) + 1);
    const difference = { expected, found: after ? `continues #${after.seq}` : "begins with #1" };
    if (found > size) {
      const message = `#${size + 1} to #${found} are missing between two files.`;
      return tampered("cut", { ...at, seq }, message, difference);
    }
    if (found < size) {
      const message = `The file begins over again behind #${found}, although the one before goes up to #${size}.`;
      return tampered("doubled", { ...at, seq }, message, difference);
    }
    if (after && after.hash !== head) {
      const message = `The file continues another #${size} than the one that ends the file before.`;
      return tampered("replaced", { ...at, seq }, message, {
        expected: `sha256 ${head}`,
        found: `sha256 ${after.hash}`,
      });
    }
    if (lastCheckpoint !== size) {
      const message = `The checkpoint of ${size} entries, with which the file before was closed, is missing.`;
      return tampered("cut", { ...at, seq: String(size) }, message);
    }
    return undefined;
  }

  function misplacedIn(
    at: FoundAt,
    judged: Exclude<Trust, { kind: "forged" }>,
  ): Finding | undefined {
    const { checkpoint } = judged;
    const difference = {
      expected: `a checkpoint of ${size} entries`,
      found: `one of ${checkpoint.size}`,
    };
    if (checkpoint.size !== size) {
      const message = `The checkpoint of ${checkpoint.size} entries stands behind #${size}.`;
      return tampered("moved", at, message, difference);
    }
    if (lastCheckpoint === size && checkpoints > 0) {
      return tampered("doubled", at, `The checkpoint of ${size} entries stands here twice.`);
    }
    return undefined;
  }
}
