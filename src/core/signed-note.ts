import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  sign,
  verify,
  type KeyObject,
} from "node:crypto";

import { Secret } from "./secret.ts";

/** Who is believed: the public half of a key and the name that it signs under. */
export type NoteVerifier = {
  readonly name: string;
  /** Eight hex digits that tell the keys of one name apart. */
  readonly keyId: string;
  readonly publicKey: KeyObject;
};

export type NoteSigner = {
  readonly name: string;
  readonly privateKey: KeyObject;
  readonly verifier: NoteVerifier;
};

export type OpenedNote =
  | {
      readonly kind: "signed";
      readonly text: string;
      readonly by: readonly NoteVerifier[];
      /** Whoever else signed it, as name+id, believed or not. */
      readonly others: readonly string[];
    }
  /** It bears the name of a key that we know, and was not signed by it. */
  | { readonly kind: "forged"; readonly by: NoteVerifier }
  | { readonly kind: "unknown-key"; readonly signers: readonly string[] }
  | { readonly kind: "malformed"; readonly problem: string };

const ED25519 = 0x01;
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const PRIVATE_PREFIX = "PRIVATE+KEY+";
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const MOST_SIGNATURES = 16;

/**
 * A new key, which may sign notes of this name.
 *
 * @throws {RangeError} when no key can have that name
 */
export function generateSigner(name: string): NoteSigner {
  if (!isKeyName(name)) {
    throw new RangeError(`"${name}" cannot name a key: it needs a name without spaces and "+".`);
  }
  return signerOf(name, generateKeyPairSync("ed25519").privateKey);
}

/** Reads what `formatSigner` wrote; undefined when it is no such key, or damaged. */
export function signerFrom(key: Secret): NoteSigner | undefined {
  const text = key.reveal().trim();
  if (!text.startsWith(PRIVATE_PREFIX)) return undefined;
  const [name, keyId, seed] = keyParts(text.slice(PRIVATE_PREFIX.length)) ?? [];
  if (name === undefined || seed === undefined) return undefined;
  const pkcs8 = Buffer.concat([PKCS8_PREFIX, seed]);
  const signer = signerOf(name, createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }));
  return signer.verifier.keyId === keyId ? signer : undefined;
}

/** One line, `PRIVATE+KEY+name+id+base64`, as other tools for signed notes keep their keys. */
export function formatSigner({ name, privateKey, verifier }: NoteSigner): Secret {
  const seed = privateKey.export({ format: "der", type: "pkcs8" }).subarray(-KEY_BYTES);
  const encoded = Buffer.concat([Buffer.of(ED25519), seed]).toString("base64");
  return new Secret(`${PRIVATE_PREFIX}${name}+${verifier.keyId}+${encoded}`);
}

/** Reads a verifier key, `name+id+base64`; undefined when it is none, or its id is not that of its key. */
export function parseVerifier(vkey: string): NoteVerifier | undefined {
  const [name, keyId, raw] = keyParts(vkey.trim()) ?? [];
  if (name === undefined || raw === undefined || keyId !== keyIdOf(name, raw)) return undefined;
  const spki = Buffer.concat([SPKI_PREFIX, raw]);
  return { name, keyId, publicKey: createPublicKey({ key: spki, format: "der", type: "spki" }) };
}

export function formatVerifier({ name, keyId, publicKey }: NoteVerifier): string {
  const encoded = Buffer.concat([Buffer.of(ED25519), rawKey(publicKey)]).toString("base64");
  return `${name}+${keyId}+${encoded}`;
}

/**
 * Signs a text by one key or, while a key is replaced, by the old and the new one.
 *
 * @throws {RangeError} when the text is none that a note can hold
 */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  const problem = textProblem(text);
  if (problem !== undefined) throw new RangeError(`A note cannot be signed: ${problem}.`);
  const lines = signers.map(({ name, privateKey, verifier }) => {
    const signature = sign(null, Buffer.from(text), privateKey);
    const encoded = Buffer.concat([Buffer.from(verifier.keyId, "hex"), signature]);
    return `— ${name} ${encoded.toString("base64")}\n`;
  });
  return `${text}\n${lines.join("")}`;
}

/** Reads a note and believes it only when a known key signed it and no known key's signature is wrong. */
export function openNote(note: string, verifiers: readonly NoteVerifier[]): OpenedNote {
  // What stands in front of the last empty line is the text, which may have empty lines of its own.
  const end = note.lastIndexOf("\n\n");
  if (end < 0) return { kind: "malformed", problem: "no empty line separates text and signatures" };
  const text = note.slice(0, end + 1);
  const problem = textProblem(text);
  if (problem !== undefined) return { kind: "malformed", problem };
  const signatures = signaturesIn(note.slice(end + 2));
  if (!signatures) return { kind: "malformed", problem: "a line of its signatures is none" };
  const by: NoteVerifier[] = [];
  const others: string[] = [];
  for (const { name, keyId, signature } of signatures) {
    const known = verifiers.find((one) => one.name === name && one.keyId === keyId);
    if (!known) {
      others.push(`${name}+${keyId}`);
      continue;
    }
    const valid =
      signature.length === SIGNATURE_BYTES &&
      verify(null, Buffer.from(text), known.publicKey, signature);
    if (!valid) return { kind: "forged", by: known };
    by.push(known);
  }
  if (by.length > 0) return { kind: "signed", text, by, others };
  return { kind: "unknown-key", signers: others };
}

type Signature = { readonly name: string; readonly keyId: string; readonly signature: Buffer };

function signaturesIn(block: string): readonly Signature[] | undefined {
  if (!block.endsWith("\n")) return undefined;
  const signatures = block.slice(0, -1).split("\n").map(readSignature);
  if (signatures.length > MOST_SIGNATURES) return undefined;
  const keys = signatures.map((one) => `${one?.name}+${one?.keyId}`);
  // A second signature of one key says nothing, and would be a change that nobody finds.
  if (new Set(keys).size < keys.length) return undefined;
  return signatures.every((signature) => signature !== undefined) ? signatures : undefined;
}

function readSignature(line: string): Signature | undefined {
  const [, name, encoded] = /^— (\S+) (\S+)$/u.exec(line) ?? [];
  const bytes = encoded === undefined ? undefined : decodeBase64(encoded);
  if (name === undefined || !isKeyName(name) || !bytes || bytes.length <= 4) return undefined;
  return { name, keyId: bytes.toString("hex", 0, 4), signature: bytes.subarray(4) };
}

function textProblem(text: string): string | undefined {
  if (!text.endsWith("\n")) return "its text does not end with a line break";
  if (!text.isWellFormed()) return "its text is not well-formed";
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  if (/[\u0000-\u0009\u000b-\u001f]/.test(text)) return "its text has a control character";
  return undefined;
}

/** Name, id and 32 bytes of `name+id+base64`; the base64 may have "+" of its own. */
function keyParts(text: string): readonly [string, string, Buffer] | undefined {
  const [, name, keyId, encoded] = /^([^+]+)\+([0-9a-f]{8})\+(\S+)$/u.exec(text) ?? [];
  const bytes = encoded === undefined ? undefined : decodeBase64(encoded);
  if (name === undefined || keyId === undefined || !isKeyName(name)) return undefined;
  if (bytes?.length !== KEY_BYTES + 1 || bytes[0] !== ED25519) return undefined;
  return [name, keyId, bytes.subarray(1)];
}

/** Node reads nearly anything as base64; only what it would write itself is taken. */
function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

function isKeyName(name: string): boolean {
  return name !== "" && name.isWellFormed() && !/[\s+\p{Cc}]/u.test(name);
}

function signerOf(name: string, privateKey: KeyObject): NoteSigner {
  const publicKey = createPublicKey(privateKey);
  const keyId = keyIdOf(name, rawKey(publicKey));
  return { name, privateKey, verifier: { name, keyId, publicKey } };
}

function rawKey(publicKey: KeyObject): Buffer {
  return publicKey.export({ format: "der", type: "spki" }).subarray(-KEY_BYTES);
}

function keyIdOf(name: string, raw: Buffer): string {
  const named = Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ED25519), raw]);
  return hash("sha256", named, "hex").slice(0, 8);
}
