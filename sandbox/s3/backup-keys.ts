import { generateX25519Identity, identityToRecipient } from "age-encryption";

type KeyPair = { readonly identity: string; readonly recipient: string };

export type BackupKeys = { readonly drill: KeyPair; readonly recovery: KeyPair };

/** The two for whom backups are sealed: one for drills on the machine, one for the safe. */
export async function newBackupKeys(): Promise<BackupKeys> {
  return { drill: await newKeyPair(), recovery: await newKeyPair() };
}

async function newKeyPair(): Promise<KeyPair> {
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
}
