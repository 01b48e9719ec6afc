import { z } from "zod";

import type { Transaction } from "./database.ts";
import { storableJson } from "./storable.ts";

const rotationRow = z
  .object({
    id: z.string(),
    secret: z.string(),
    run_id: z.string(),
    state: z.enum(["open", "done", "led-back"]),
    exposed: z.boolean(),
    old_sealed: z.instanceof(Buffer).nullable(),
    new_sealed: z.instanceof(Buffer).nullable(),
    old_fingerprint: z.string().nullable(),
    new_fingerprint: z.string().nullable(),
    notes: z.record(z.string(), z.string()),
    begun_at: z.date(),
    minted_at: z.date().nullable(),
    disabled_at: z.date().nullable(),
  })
  .transform((row) => ({
    id: row.id,
    secret: row.secret,
    runId: row.run_id,
    state: row.state,
    isExposed: row.exposed,
    oldSealed: row.old_sealed,
    newSealed: row.new_sealed,
    oldFingerprint: row.old_fingerprint,
    newFingerprint: row.new_fingerprint,
    notes: row.notes,
    begunAt: row.begun_at,
    mintedAt: row.minted_at,
    disabledAt: row.disabled_at,
  }));

/** The replacement of a secret, under way or over. */
export type SecretRotation = z.output<typeof rotationRow>;

const COLUMNS =
  "id, secret, run_id, state, exposed, old_sealed, new_sealed, old_fingerprint, new_fingerprint, notes, " +
  "begun_at, minted_at, disabled_at";

type Named = { readonly target: string; readonly secret: string };

/** The rotation that has begun and not ended; there is one of a secret at most. */
export async function openRotation(
  tx: Transaction,
  { target, secret }: Named,
): Promise<SecretRotation | undefined> {
  const [row] = await tx.rows(
    rotationRow,
    `select ${COLUMNS} from secret_rotation where target = $1 and secret = $2 and state = 'open'`,
    [target, secret],
  );
  return row;
}

/** The newest rotation that a run had to do with. */
export async function rotationOfRun(
  tx: Transaction,
  runId: string,
): Promise<SecretRotation | undefined> {
  const [row] = await tx.rows(
    rotationRow,
    `select ${COLUMNS} from secret_rotation where run_id = $1 order by id desc limit 1`,
    [runId],
  );
  return row;
}

/** What has been begun and has no new secret yet. */
export async function awaitedSecrets(
  tx: Transaction,
  targets: readonly string[],
): Promise<readonly Named[]> {
  return tx.rows(
    z.object({ target: z.string(), secret: z.string() }),
    `select target, secret from secret_rotation
     where target = any($1) and state = 'open' and new_sealed is null order by id`,
    [targets],
  );
}

/** Begins one, without its values; whoever has begun it seals them under its id. */
export async function beginRotation(
  tx: Transaction,
  now: Date,
  begun: Named & { readonly runId: string; readonly isExposed: boolean },
): Promise<string> {
  const [row] = await tx.rows(
    z.object({ id: z.string() }),
    `insert into secret_rotation (target, secret, run_id, exposed, begun_at)
     values ($1, $2, $3, $4, $5) returning id`,
    [begun.target, begun.secret, begun.runId, begun.isExposed, now],
  );
  if (!row) throw new Error("A rotation was begun and has no row.");
  return row.id;
}

/** Another run goes on with it. An exposed secret stays one. */
export async function takeUpRotation(
  tx: Transaction,
  id: string,
  { runId, isExposed }: { readonly runId: string; readonly isExposed: boolean },
): Promise<void> {
  await tx.change(
    `update secret_rotation set run_id = $2, exposed = exposed or $3 where id = $1 and state = 'open'`,
    [id, runId, isExposed],
  );
}

type Sealed = { readonly sealed: Buffer; readonly fingerprint: string };

export async function keepOldSecret(tx: Transaction, id: string, old: Sealed): Promise<void> {
  await tx.change(
    `update secret_rotation set old_sealed = $2, old_fingerprint = $3 where id = $1 and state = 'open'`,
    [id, old.sealed, old.fingerprint],
  );
}

/** False: there is one already, or the rotation is over. A new secret is never replaced by another. */
export async function keepNewSecret(
  tx: Transaction,
  now: Date,
  id: string,
  { sealed, fingerprint }: Sealed,
): Promise<boolean> {
  const changed = await tx.change(
    `update secret_rotation set new_sealed = $3, new_fingerprint = $4, minted_at = $2
     where id = $1 and state = 'open' and new_sealed is null`,
    [id, now, sealed, fingerprint],
  );
  return changed === 1;
}

/** For one that was handed over and is not what it should be: another may take its place. */
export async function discardNewSecret(tx: Transaction, id: string): Promise<void> {
  await tx.change(
    `update secret_rotation set new_sealed = null, new_fingerprint = null, minted_at = null
     where id = $1 and state = 'open'`,
    [id],
  );
}

export async function noteOnRotation(
  tx: Transaction,
  id: string,
  notes: Readonly<Record<string, string>>,
): Promise<void> {
  await tx.change(
    `update secret_rotation set notes = notes || $2::jsonb where id = $1 and state = 'open'`,
    [id, storableJson(notes)],
  );
}

export async function oldSecretRefused(tx: Transaction, now: Date, id: string): Promise<void> {
  await tx.change(
    `update secret_rotation set disabled_at = coalesce(disabled_at, $2) where id = $1 and state = 'open'`,
    [id, now],
  );
}

/** Ends one and blanks its values. */
export async function endRotation(
  tx: Transaction,
  now: Date,
  id: string,
  state: "done" | "led-back",
): Promise<void> {
  await tx.change(
    `update secret_rotation set state = $3, ended_at = $2, old_sealed = null, new_sealed = null,
       destroyed_at = case when $3 = 'done' then $2::timestamptz end
     where id = $1 and state = 'open'`,
    [id, now, state],
  );
}

const ageRow = z
  .object({
    secret: z.string(),
    minted_at: z.date().nullable(),
    open_since: z.date().nullable(),
    open_run: z.string().nullable(),
    exposed: z.boolean().nullable(),
  })
  .transform((row) => ({
    secret: row.secret,
    mintedAt: row.minted_at ?? undefined,
    open:
      row.open_since === null || row.open_run === null
        ? undefined
        : { since: row.open_since, runId: row.open_run, isExposed: row.exposed ?? false },
  }));

/** When a secret was made that is in force, as far as we have made it, and what of it was begun and is not over. */
export type RotationAge = z.output<typeof ageRow>;

export async function rotationAges(
  tx: Transaction,
  target: string,
): Promise<readonly RotationAge[]> {
  return tx.rows(
    ageRow,
    `select secret, max(minted_at) filter (where state = 'done') as minted_at,
       max(begun_at) filter (where state = 'open') as open_since,
       max(run_id) filter (where state = 'open')::text as open_run,
       bool_or(exposed) filter (where state = 'open') as exposed
     from secret_rotation where target = $1 group by secret`,
    [target],
  );
}
