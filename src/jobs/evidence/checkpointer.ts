import { parseCheckpoint, checkpointText, type Checkpoint } from "../../core/checkpoint.ts";
import { genesisHash } from "../../core/entry.ts";
import { emptyTree, rootOf, withLeaves, type Tree } from "../../core/merkle.ts";
import { checkpointIn } from "../../core/note-checkpoint.ts";
import { openNote, signNote, type NoteSigner } from "../../core/signed-note.ts";
import { pass } from "../../core/trace.ts";
import type { Database, Transaction } from "../../storage/database.ts";
import {
  checkpointOfSize,
  checkpointsBetween,
  keepCheckpoint,
  leafHashes,
  newestCheckpoint,
} from "../../storage/evidence-checkpoint.ts";
import { headOf, isRecorded, lockHead } from "../../storage/evidence.ts";
import { lastNoteInFiles } from "../../storage/log-tail.ts";
import {
  dropOldSigningKeys,
  lastSigned,
  loadSigningKeys,
  publishedKeys,
  publishKeys,
  rememberSigned,
  type KeyPlace,
  type SigningKeys,
} from "../../storage/signing-key.ts";
import type { RecordEvent } from "../engine/run-record.ts";
import type { ClaimSource, SigningRefusal } from "./signing-refusal.ts";

/** What is read of the log at once, and what may be left to read while nobody can append. */
const PAGE = 5_000;
const UNDER_LOCK = 1_000;
const TRIES = 10;

export type CheckpointerParts = {
  readonly database: Database;
  readonly keys: KeyPlace;
  /** Where the log's files and its public keys lie. */
  readonly directory: string;
  readonly record: RecordEvent;
  readonly onError: (error: unknown, during: string) => void;
};

export type Signing =
  | { readonly kind: "signed"; readonly size: number; readonly note: string }
  /** The newest checkpoint vouches for everything there is. */
  | { readonly kind: "nothing-new" }
  | { readonly kind: "refused"; readonly refusal: SigningRefusal };

export type Checkpointer = {
  /** Signs the whole log as it stands, unless what was signed before does not lie on it. */
  sign(): Promise<Signing>;
  /** Whether what was signed before lies on this log; whatever is in the way of signing. */
  examine(): Promise<SigningRefusal | undefined>;
};

/**
 * Signs a log. Any process that has the key may do so at any time, for what is signed is taken under the head's lock;
 * the tree is kept in memory, and is built and compared with every signed checkpoint when it is needed first.
 */
export function createCheckpointer(parts: CheckpointerParts): Checkpointer {
  const { database, keys: place, directory } = parts;
  const { target, origin } = place;
  let known: KnownLog = emptyLog(origin);
  let busy: Promise<unknown> = Promise.resolve();
  /** One after the other: they share the tree. */
  const alone = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    const turn = busy.then(work);
    busy = turn.catch(() => {});
    return turn;
  };

  return {
    async sign() {
      return alone(async () => {
        const keys = await readyKeys();
        for (let tries = 0; tries < TRIES; tries += 1) {
          const refusal = await contradiction(keys);
          if (refusal) return { kind: "refused", refusal };
          const signing = await database.transaction(async (tx, now) => signHead(tx, now, keys));
          switch (signing.kind) {
            case "behind":
              continue;
            case "signed":
              known = signing.known;
              pass("checkpoint.signed", `${target}:${signing.known.tree.size}`);
              if (keys.signers.length > 1) await dropOldKeys(newestOf(keys));
              return { kind: "signed", size: signing.known.tree.size, note: signing.note };
            default:
              return signing;
          }
        }
        throw new Error(`The log of ${target} grew faster than it could be signed.`);
      });
    },
    async examine() {
      return alone(async () => contradiction(await readyKeys()));
    },
  };

  async function readyKeys(): Promise<SigningKeys> {
    const keys = await loadSigningKeys(place);
    const verifiers = keys.signers.map(({ verifier }) => verifier);
    // The folder may be out of reach for a while; that is no reason to leave the log without a signature.
    await publishKeys(directory, target, verifiers).catch((error: unknown) =>
      parts.onError(error, `writing the public key of ${target}`),
    );
    await introduce(keys);
    return keys;
  }

  /** Under the head's lock, as every change of the keys: a person may add one at this moment. */
  async function dropOldKeys(newest: NoteSigner): Promise<void> {
    await database.transaction(async (tx) => {
      await lockHead(tx, target);
      await dropOldSigningKeys(place, newest);
    });
  }

  /** A new key is an entry before it signs, by whoever comes first, should the one who made it not live to say so. */
  async function introduce({ signers, rotation }: SigningKeys): Promise<void> {
    const [former, newest] = [signers.at(-2), signers.at(-1)];
    if (!former || !newest) return;
    await database.transaction(async (tx, now) => {
      const last = await newestCheckpoint(tx, target);
      if (last && isSignedBy(last.note, newest)) return;
      await parts.record(tx, now, {
        operation: "evidence",
        cause: keyCause(newest),
        actor: rotation?.actor ?? { via: "flightdeck", name: "configuration" },
        event: {
          kind: "key.rotated",
          result: "rotated",
          facts: {
            key: newest.verifier.keyId,
            before: former.verifier.keyId,
            ...(rotation ? { reason: rotation.reason } : {}),
          },
        },
      });
    });
    pass("key.introduced", `${target}:${newest.verifier.keyId}`);
  }

  async function signHead(
    tx: Transaction,
    now: Date,
    keys: SigningKeys,
  ): Promise<
    | Exclude<Signing, { readonly kind: "signed" }>
    | { readonly kind: "behind" }
    | { readonly kind: "signed"; readonly known: KnownLog; readonly note: string }
  > {
    const size = Number((await lockHead(tx, target)).size);
    const last = await newestCheckpoint(tx, target);
    if (size === 0 || last?.size === size) return { kind: "nothing-new" };
    const left = size - known.tree.size;
    if (left < 0 || left > UNDER_LOCK || !(await stillHolds(tx, target, known))) {
      return { kind: "behind" };
    }
    const grown = await grow(tx, target, known, UNDER_LOCK);
    if (grown.kind === "contradiction") return { kind: "refused", refusal: grown.refusal };
    const signers = await signersFor(tx, keys, last?.note);
    if (!signers) {
      const { keyId } = newestOf(keys).verifier;
      return { kind: "refused", refusal: { kind: "foreign-key", size: last?.size ?? 0, keyId } };
    }
    const { tree } = grown.known;
    const root = rootOf(tree);
    const note = signNote(checkpointText({ origin, size: tree.size, root }), signers);
    // Before the row: what left the signer is remembered even if the database forgets it.
    await rememberSigned(place, note);
    pass("checkpoint.remembered", `${target}:${tree.size}`);
    await keepCheckpoint(tx, now, target, { size: tree.size, root, note });
    return { kind: "signed", known: grown.known, note };
  }

  /** A key signs what it signed before, what an older one signs with it, or what a person introduced it for. */
  async function signersFor(
    tx: Transaction,
    keys: SigningKeys,
    lastNote: string | undefined,
  ): Promise<readonly NoteSigner[] | undefined> {
    const newest = newestOf(keys);
    if (lastNote === undefined || isSignedBy(lastNote, newest)) return [newest];
    if (keys.signers.some((signer) => isSignedBy(lastNote, signer))) return keys.signers;
    return (await isRecorded(tx, target, `key.rotated:${keyCause(newest)}`)) ? [newest] : undefined;
  }

  async function contradiction(keys: SigningKeys): Promise<SigningRefusal | undefined> {
    for (let tries = 0; ; tries += 1) {
      const refusal = (await catchUp()) ?? (await contradictedBy(await claims(keys)));
      // Somebody else may have recorded and signed more since this process last looked.
      if (refusal?.kind !== "ahead" || tries > 0) return refusal;
    }
  }

  /** Brings the tree up to the head, and compares it with each signed checkpoint on the way. */
  async function catchUp(): Promise<SigningRefusal | undefined> {
    for (;;) {
      const grown = await database.transaction(async (tx) => {
        const base = (await stillHolds(tx, target, known)) ? known : emptyLog(origin);
        return grow(tx, target, base, PAGE);
      });
      if (grown.kind === "contradiction") {
        known = emptyLog(origin);
        return grown.refusal;
      }
      const before = known.tree.size;
      ({ known } = grown);
      if (known.tree.size === before) return undefined;
    }
  }

  /** What was signed before, by those who do not lose it together with the database. */
  async function claims(keys: SigningKeys): Promise<readonly Claim[]> {
    const memory = await lastSigned(place);
    const inFiles = await lastNoteInFiles(directory).catch((error: unknown) => {
      parts.onError(error, `reading the last checkpoint in the file of ${target}`);
      return undefined;
    });
    const ours = keys.signers.map(({ verifier }) => verifier);
    const published = await publishedKeys(directory, target).catch(() => []);
    // Anybody may have written into the file; only what one of our keys signed is ours.
    const opened = inFiles === undefined ? undefined : openNote(inFiles, [...ours, ...published]);
    return [
      { source: "memory", checkpoint: memory === undefined ? undefined : checkpointIn(memory) },
      {
        source: "file",
        checkpoint: opened?.kind === "signed" ? parseCheckpoint(opened.text) : undefined,
      },
    ];
  }

  async function contradictedBy(claimed: readonly Claim[]): Promise<SigningRefusal | undefined> {
    for (const { source, checkpoint: signed } of claimed) {
      if (signed?.origin !== origin) continue;
      const head = { size: known.tree.size, hash: known.head };
      if (signed.size > head.size) return { kind: "ahead", source, signed, head };
      const rootHere = await rootAt(signed.size);
      if (rootHere !== signed.root) return { kind: "fork", source, signed, head, rootHere };
    }
    return undefined;
  }

  /** A kept checkpoint was compared with the tree already; what no row says is counted out from the first entry. */
  async function rootAt(size: number): Promise<string> {
    if (size === known.tree.size) return rootOf(known.tree);
    const kept = await database.transaction(async (tx) => checkpointOfSize(tx, target, size));
    if (kept) return kept.root;
    let tree = emptyTree();
    while (tree.size < size) {
      const hashes = await database.transaction(async (tx) =>
        leafHashes(tx, target, tree.size, Math.min(PAGE, size - tree.size)),
      );
      if (hashes.length === 0) break;
      tree = withLeaves(tree, hashes);
    }
    return rootOf(tree);
  }
}

type Claim = { readonly source: ClaimSource; readonly checkpoint: Checkpoint | undefined };

/** The tree over the first entries of a log, and the hash of the last of them. */
type KnownLog = { readonly tree: Tree; readonly head: string };

function emptyLog(origin: string): KnownLog {
  return { tree: emptyTree(), head: genesisHash(origin) };
}

/** The chain makes one hash stand for all before it; a log of which it no longer holds was exchanged under our feet. */
async function stillHolds(tx: Transaction, log: string, known: KnownLog): Promise<boolean> {
  const { size } = known.tree;
  if (size === 0) return true;
  const [hash] = await leafHashes(tx, log, size - 1, 1);
  return hash === known.head;
}

type Growth =
  | { readonly kind: "grown"; readonly known: KnownLog }
  | { readonly kind: "contradiction"; readonly refusal: SigningRefusal };

async function grow(tx: Transaction, log: string, known: KnownLog, limit: number): Promise<Growth> {
  const from = known.tree.size;
  const hashes = await leafHashes(tx, log, from, limit);
  let { tree } = known;
  for (const kept of await checkpointsBetween(tx, log, from, from + hashes.length)) {
    tree = withLeaves(tree, hashes.slice(tree.size - from, kept.size - from));
    const rootHere = rootOf(tree);
    const signed = checkpointIn(kept.note);
    if (signed?.size === kept.size && signed.root === rootHere && kept.root === rootHere) continue;
    const end = await headOf(tx, log);
    const head = { size: Number(end?.size ?? 0), hash: end?.hash ?? "" };
    const said = signed ?? { origin: "", size: kept.size, root: kept.root };
    return {
      kind: "contradiction",
      refusal: { kind: "fork", source: "rows", signed: said, head, rootHere },
    };
  }
  tree = withLeaves(tree, hashes.slice(tree.size - from));
  return { kind: "grown", known: { tree, head: hashes.at(-1) ?? known.head } };
}

function isSignedBy(note: string, signer: NoteSigner): boolean {
  return openNote(note, [signer.verifier]).kind === "signed";
}

function newestOf({ signers }: SigningKeys): NoteSigner {
  return signers.at(-1) ?? signers[0];
}

/** What its entry is recorded once under. */
export function keyCause({ verifier }: NoteSigner): string {
  return `key-${verifier.keyId}`;
}
