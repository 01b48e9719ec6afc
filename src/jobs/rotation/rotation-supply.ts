import type { Actor } from "../../core/actor.ts";
import { runName } from "../../core/run-name.ts";
import type { Secret } from "../../core/secret.ts";
import type { Transaction } from "../../storage/database.ts";
import { openRotation } from "../../storage/secret-rotation.ts";
import { recordCommand } from "../engine/run-record.ts";
import { openRotationOf, type RotationParts } from "./rotation-steps.ts";

/** A new secret that a person hands over. */
type Supplied = {
  readonly secret: string;
  readonly value: Secret;
  readonly actor: Actor;
  readonly cause: string;
};

/** `not-awaited`: nothing has asked for it, or it is there already; the value went nowhere. */
type SupplyOutcome =
  | { readonly kind: "kept"; readonly run: string; readonly fingerprint: string }
  | { readonly kind: "not-awaited"; readonly message: string };

export type Supply = (supplied: Supplied) => Promise<SupplyOutcome>;

type SupplyParts = {
  readonly rotation: RotationParts;
  record(
    tx: Transaction,
    now: Date,
    done: Omit<Parameters<typeof recordCommand>[3], "target" | "config">,
  ): Promise<void>;
};

/** Takes what a person hands over into the rotation that waits for it, and writes down who did. */
export function createSupply({ rotation, record }: SupplyParts): Supply {
  const { database, target } = rotation;
  return async ({ secret, value, actor, cause }) => {
    if (!isHandedOver(secret, rotation)) {
      const names = handedOverSecrets(rotation);
      const known =
        names.length === 0 ? "no secret of it is" : `handed over are: ${names.join(", ")}`;
      return notAwaited(`${secret} is none that a person makes; ${known}.`);
    }
    const { vault } = openRotationOf({ secret }, rotation);
    const waiting = await database.transaction(async (tx) => openRotation(tx, { target, secret }));
    if (!waiting) {
      return notAwaited(
        `Nothing waits for ${secret}. Ask for its rotation first: /rotate ${secret}`,
      );
    }
    const run = runName(waiting.runId);
    const fingerprint = await rotation.fingerprint(value);
    const isKept = await vault.supply(value, async (tx, now) =>
      record(tx, now, {
        operation: "rotate",
        cause,
        actor,
        event: {
          kind: "secret.supplied",
          result: "kept",
          facts: { secret, run, new: fingerprint },
        },
      }),
    );
    return isKept
      ? { kind: "kept", run, fingerprint }
      : notAwaited(`${run} has a new ${secret} already; this one went nowhere.`);
  };
}

function notAwaited(message: string): SupplyOutcome {
  return { kind: "not-awaited", message };
}

/** The secrets that a person makes. */
export function handedOverSecrets(parts: RotationParts): readonly string[] {
  return Object.keys(parts.rotated).filter((name) => isHandedOver(name, parts));
}

/** Whether a person makes it: then its rotation waits for the new one instead of making it. */
function isHandedOver(secret: string, parts: RotationParts): boolean {
  if (!Object.hasOwn(parts.rotated, secret)) return false;
  const { phases } = openRotationOf({ secret }, parts).procedure;
  return phases.some(
    ({ name, deeds }) => name === "mint" && deeds.some(({ readsOnly }) => readsOnly === true),
  );
}
