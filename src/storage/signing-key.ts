import { mkdir, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";

import { z } from "zod";

import { actorSchema, type Actor } from "../core/actor.ts";
import { Secret } from "../core/secret.ts";
import {
  formatSigner,
  formatVerifier,
  generateSigner,
  parseVerifier,
  signerFrom,
  type NoteSigner,
  type NoteVerifier,
} from "../core/signed-note.ts";
import {
  ensurePrivateFolder,
  makePrivateFile,
  readPrivateFile,
  replaceFile,
} from "./private-file.ts";

/** The key that signs is missing, damaged, or not of this log. */
class SigningKeyError extends Error {
  override readonly name = "SigningKeyError";
}

export type KeyPlace = {
  readonly dataFolder: string;
  readonly target: string;
  /** The name of the log, and so of every key that signs for it. */
  readonly origin: string;
  /** The key of the configuration, for replicas that sign for each other; without it one is made and kept. */
  readonly given: Secret | undefined;
};

const rotationSchema = z.strictObject({ actor: actorSchema, reason: z.string() });

/** Who wanted the newest key, and why. */
export type KeyRotation = { readonly actor: Actor; readonly reason: string };

export type SigningKeys = {
  /** The newest last. Those before it sign along until it has signed once. */
  readonly signers: readonly [NoteSigner, ...NoteSigner[]];
  readonly rotation: KeyRotation | undefined;
};

/** Marks the line of a key file that says why the key behind it was made. */
const REMARK = "# ";

/**
 * The keys that sign now, read afresh each time, because a person may have made a new one meanwhile. The first one is
 * made here.
 *
 * @throws {UnsafeFileError | SigningKeyError} with what to do about it
 */
export async function loadSigningKeys(place: KeyPlace): Promise<SigningKeys> {
  await ensurePrivateFolder(folderOf(place));
  if (place.given) return readKeys(place.given.reveal(), "evidence.key", place.origin);
  const path = pathOf(place);
  const kept = await readPrivateFile(path);
  if (kept !== undefined) return readKeys(kept, path, place.origin);
  await makePrivateFile(path, `${formatSigner(generateSigner(place.origin)).reveal()}\n`);
  return loadSigningKeys(place);
}

/**
 * Puts a new key behind the present one. From then on both sign, until the new one has.
 *
 * @throws {SigningKeyError} when the key is the configuration's
 */
export async function addSigningKey(
  place: KeyPlace,
  present: readonly NoteSigner[],
  rotation: KeyRotation,
): Promise<NoteSigner> {
  if (place.given) {
    throw new SigningKeyError(
      "The signing key comes from the configuration (evidence.key). Put a new line behind the one that its file holds, " +
        "newest last; the next checkpoint is signed by both, and then the old line may go.",
    );
  }
  const signer = generateSigner(place.origin);
  const lines = [
    ...present.map(lineOf),
    REMARK + JSON.stringify(rotationSchema.parse(rotation)),
    lineOf(signer),
  ];
  await replaceFile(pathOf(place), `${lines.join("\n")}\n`);
  return signer;
}

/** This key has signed together with those in front of it; they are gone for good. One that came meanwhile stays. */
export async function dropOldSigningKeys(place: KeyPlace, newest: NoteSigner): Promise<void> {
  if (place.given) return;
  const kept = (await readPrivateFile(pathOf(place))) ?? "";
  const lines = kept.split("\n").map((line) => line.trim());
  const from = lines.indexOf(lineOf(newest));
  if (from > 0) await replaceFile(pathOf(place), lines.slice(from).join("\n"));
}

/** What was signed last, as the signer itself remembers it, whatever became of the database. */
export async function lastSigned(place: KeyPlace): Promise<string | undefined> {
  return readPrivateFile(memoryOf(place));
}

export async function rememberSigned(place: KeyPlace, note: string): Promise<void> {
  await replaceFile(memoryOf(place), note);
}

/** What was signed last is of a history that a person has given up; it is kept, and stands in the way of nothing more. */
export async function abandonMemory(place: KeyPlace, stamp: string): Promise<void> {
  await rename(memoryOf(place), `${memoryOf(place)}.abandoned-${stamp}`);
}

/** The public keys of a target's log as they lie beside it, the newest last. */
export async function publishedKeys(
  directory: string,
  target: string,
): Promise<readonly NoteVerifier[]> {
  const text = await readFile(publicPathOf(directory, target), "utf8").catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw error;
    },
  );
  return text
    .split("\n")
    .map(parseVerifier)
    .filter((verifier) => verifier !== undefined);
}

/** Every public key that notes of a log may be signed by, those not published yet too; the newest last. */
export async function publicKeysOf(place: KeyPlace, directory: string): Promise<readonly string[]> {
  const { signers } = await loadSigningKeys(place);
  const ours = signers.map(({ verifier }) => verifier);
  const all = [...(await publishedKeys(directory, place.target)), ...ours];
  return [...new Set(all.map(formatVerifier))];
}

/** Adds to the public keys those that are not among them; what was published once stays, for old notes need it. */
export async function publishKeys(
  directory: string,
  target: string,
  verifiers: readonly NoteVerifier[],
): Promise<void> {
  const before = (await publishedKeys(directory, target)).map(formatVerifier);
  const added = verifiers.map(formatVerifier).filter((vkey) => !before.includes(vkey));
  if (added.length === 0) return;
  const path = publicPathOf(directory, target);
  await mkdir(dirname(path), { recursive: true });
  await replaceFile(path, [...before, ...added].map((vkey) => `${vkey}\n`).join(""), 0o644);
}

function readKeys(text: string, source: string, origin: string): SigningKeys {
  const lines = text.split("\n").map((line) => line.trim());
  const signers = lines
    .filter((line) => line !== "" && !line.startsWith(REMARK))
    .map((line) => {
      const signer = signerFrom(new Secret(line));
      if (signer?.name === origin) return signer;
      throw new SigningKeyError(
        signer === undefined
          ? `${source} holds a line that is no signing key; expected PRIVATE+KEY+${origin}+…`
          : `${source} holds a key of "${signer.name}", and this log is "${origin}".`,
      );
    });
  const [first, ...further] = signers;
  if (!first) throw new SigningKeyError(`${source} holds no signing key.`);
  const remark = lines.findLast((line) => line.startsWith(REMARK));
  return {
    signers: [first, ...further],
    rotation: remark === undefined ? undefined : rotationIn(remark),
  };
}

/** Somebody may have written a remark of his own; a key works without one. */
function rotationIn(remark: string): KeyRotation | undefined {
  try {
    return rotationSchema.safeParse(JSON.parse(remark.slice(REMARK.length))).data;
  } catch {
    return undefined;
  }
}

function lineOf(signer: NoteSigner): string {
  return formatSigner(signer).reveal();
}

function folderOf({ dataFolder }: KeyPlace): string {
  return join(dataFolder, "keys");
}

function pathOf(place: KeyPlace): string {
  return join(folderOf(place), `${place.target}.signing-key`);
}

function memoryOf(place: KeyPlace): string {
  return join(folderOf(place), `${place.target}.last-checkpoint`);
}

function publicPathOf(directory: string, target: string): string {
  return join(directory, "keys", `${target}.vkey`);
}
