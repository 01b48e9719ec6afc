import type { Actor } from "../../core/actor.ts";
import { createBell, together, type Bell } from "../../core/waiting.ts";
import type { Database } from "../../storage/database.ts";
import type { Place } from "../../storage/outbox.ts";
import type { WitnessSettings } from "../../storage/settings.ts";
import { loadSigningKeys, publicKeysOf, type KeyPlace } from "../../storage/signing-key.ts";
import type { Git } from "../../systems/git.ts";
import type { RecordEvent } from "../engine/run-record.ts";
import { createCheckpointer, type Checkpointer } from "./checkpointer.ts";
import { keepCheckpoints } from "./checkpointing.ts";
import { finishEvidenceFile, keepEvidenceFile } from "./evidence-file.ts";
import { tellOfEvidence } from "./evidence-news.ts";
import { askForRepair, type RepairAnswer } from "./evidence-repair.ts";
import { rotateKey, type KeyRotated } from "./key-rotation.ts";
import { adoptLog, type Adoption } from "./log-adoption.ts";
import { refuseStrangeFile, StrangeFileError } from "./strange-file.ts";
import { witness } from "./witness.ts";

const LOOK_EVERY_MS = 5_000;
const FINISH_WITHIN_MS = 5_000;

export type TargetLogParts = {
  readonly database: Database;
  readonly keys: KeyPlace;
  /** Where the log's files and its public keys lie; absolute. */
  readonly directory: string;
  readonly timeZone: string;
  readonly place: Place;
  readonly witness: WitnessSettings | undefined;
  readonly git: Git;
  readonly record: RecordEvent;
  readonly onError: (error: unknown, during: string) => void;
  /** How large the present file may grow. */
  readonly rotateAtBytes: number;
  readonly lookEveryMs?: number;
};

/** The evidence log of one target, as far as it is signed and shown outside. */
export type TargetLog = {
  readonly target: string;
  readonly origin: string;
  readonly directory: string;
  readonly checkpointer: Checkpointer;
  readonly record: RecordEvent;
  /** Makes the key if there is none. Fails where others could get at it. */
  checkKeys(): Promise<void>;
  /** Every public key that notes of this log may be signed by, the newest last. */
  publicKeys(): Promise<readonly string[]>;
  rotateKey(order: { readonly actor: Actor; readonly reason: string }): Promise<KeyRotated>;
  /** Goes on after an older database was restored, as a person has decided. */
  adopt(order: { readonly actor: Actor; readonly reason: string }): Promise<Adoption>;
  /** Fails where a file stands that cannot be gone on with; one that cannot even be read is told and tried again. */
  checkFile(): Promise<void>;
  askRepair(order: { readonly actor: Actor; readonly reason: string }): Promise<RepairAnswer>;
  /** The leader's duties, until the signal. */
  keepCheckpoints(signal: AbortSignal): Promise<void>;
  keepFile(bell: Bell, signal: AbortSignal): Promise<void>;
  /** Signs what was recorded last, and has it in the file, when nothing more will be recorded here. */
  finish(): Promise<void>;
};

export function createTargetLog(parts: TargetLogParts): TargetLog {
  const { keys, directory, record } = parts;
  const { target, origin } = keys;
  const checkpointer = createCheckpointer(parts);
  const { witness: settings } = parts;
  const shared = { ...parts, target, log: { target, origin }, checkpointer };
  const publicKeys = async (): Promise<readonly string[]> => publicKeysOf(keys, directory);
  return {
    target,
    origin,
    directory,
    checkpointer,
    record,
    async checkKeys() {
      await loadSigningKeys(keys);
    },
    publicKeys,
    adopt: async (order) => adoptLog({ ...shared, publicKeys }, order),
    async checkFile() {
      await refuseStrangeFile(shared).catch((error: unknown) => {
        if (error instanceof StrangeFileError) throw error;
        parts.onError(error, `looking at the log's file of ${target}`);
      });
    },
    keepFile: async (bell, signal) =>
      together(signal, [
        async (until) =>
          keepEvidenceFile({ ...shared, bell, sign: async () => checkpointer.sign() }, until),
        async (until) => tellOfEvidence(shared, until),
      ]),
    async finish() {
      await checkpointer.sign();
      const bell = createBell();
      const sign = async () => checkpointer.sign();
      await finishEvidenceFile({ ...shared, bell, sign }, AbortSignal.timeout(FINISH_WITHIN_MS));
    },
    askRepair: async (order) => askForRepair(shared, order),
    rotateKey: async (order) => rotateKey(shared, order),
    keepCheckpoints: async (signal) =>
      keepCheckpoints(
        {
          ...shared,
          witness: settings && (async (until) => witness({ ...shared, settings }, until)),
          lookEveryMs: parts.lookEveryMs ?? LOOK_EVERY_MS,
        },
        signal,
      ),
  };
}
