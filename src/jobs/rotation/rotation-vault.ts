import { shownFingerprint } from "../../core/fingerprint.ts";
import { Secret } from "../../core/secret.ts";
import type { Database, Transaction } from "../../storage/database.ts";
import { createSeal, type Seal } from "../../storage/seal.ts";
import {
  discardNewSecret,
  keepNewSecret,
  keepOldSecret,
  noteOnRotation,
  openRotation,
  type SecretRotation,
} from "../../storage/secret-rotation.ts";
import type { RotationVault } from "./rotation-procedure.ts";

export type VaultParts = {
  readonly database: Database;
  readonly target: string;
  readonly sealKey: () => Promise<Secret>;
  /** Told of every secret that comes to be known, so that it is masked from then on. */
  readonly learn: (secret: Secret) => void;
};

/** The vault as the frame knows it, which also puts the old secret there. */
export type Vault = RotationVault & {
  keepOld(tx: Transaction, rotationId: string, secret: Secret): Promise<void>;
  /** Whether the one in force may be known to others, by whatever run began or took up its rotation. */
  isExposed(): Promise<boolean>;
  /** For a value that a person hands over, and what is recorded with it. False: nothing waits for one (any more). */
  supply(secret: Secret, record?: (tx: Transaction, now: Date) => Promise<void>): Promise<boolean>;
};

/** Opens what is kept of one secret: sealed under the rotation's own id, so that no row's value opens in another's. */
export function createVault(parts: VaultParts, secret: string): Vault {
  const { database, target, sealKey, learn } = parts;
  const find = async (): Promise<SecretRotation | undefined> =>
    database.transaction(async (tx) => openRotation(tx, { target, secret }));
  const found = async (): Promise<SecretRotation> => {
    const rotation = await find();
    if (!rotation) throw new Error(`No rotation of ${secret} is open.`);
    return rotation;
  };
  const seal = async (): Promise<Seal> => createSeal(await sealKey());
  const opened = async (id: string, which: Which, sealed: Buffer): Promise<Secret> => {
    const value = new Secret((await seal()).open(sealed, contextOf(id, which)));
    learn(value);
    return value;
  };
  const sealedUp = async (id: string, which: Which, value: Secret) => {
    learn(value);
    return {
      sealed: (await seal()).close(value.reveal(), contextOf(id, which)),
      fingerprint: shownFingerprint(value, await sealKey()),
    };
  };
  const readNew = async (): Promise<Secret | undefined> => {
    const { id, newSealed } = await found();
    return newSealed === null ? undefined : opened(id, "new", newSealed);
  };
  const supply: Vault["supply"] = async (value, record) => {
    const rotation = await find();
    if (!rotation || rotation.newSealed !== null) return false;
    const sealed = await sealedUp(rotation.id, "new", value);
    return database.transaction(async (tx, now) => {
      if (!(await keepNewSecret(tx, now, rotation.id, sealed))) return false;
      await record?.(tx, now);
      return true;
    });
  };
  return {
    isOpen: async () => (await find()) !== undefined,
    isExposed: async () => (await find())?.isExposed === true,
    async old() {
      const { id, oldSealed } = await found();
      if (oldSealed === null) {
        throw new Error(`The old ${secret} could not be read when its rotation began.`);
      }
      return opened(id, "old", oldSealed);
    },
    mintedYet: readNew,
    async minted() {
      const value = await readNew();
      if (!value) throw new Error(`There is no new ${secret} yet.`);
      return value;
    },
    async keepNew(value) {
      if (await supply(value)) return;
      const kept = await readNew();
      if (kept?.reveal() !== value.reveal()) {
        throw new Error(`Another new ${secret} is kept already; this one was not.`);
      }
    },
    async discardNew() {
      const { id } = await found();
      await database.transaction(async (tx) => discardNewSecret(tx, id));
    },
    notes: async () => (await found()).notes,
    async note(facts) {
      const { id } = await found();
      await database.transaction(async (tx) => noteOnRotation(tx, id, facts));
    },
    async keepOld(tx, rotationId, value) {
      await keepOldSecret(tx, rotationId, await sealedUp(rotationId, "old", value));
    },
    supply,
  };
}

type Which = "old" | "new";

function contextOf(id: string, which: Which): string {
  return `secret_rotation:${id}:${which}`;
}
