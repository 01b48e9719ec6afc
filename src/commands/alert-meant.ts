import { alertName, parseAlertName } from "../core/alert-name.ts";
import { nearest } from "../core/nearest.ts";
import { findAlert, newestAlerts, openAlerts, type KeptAlert } from "../storage/alert.ts";
import type { Transaction } from "../storage/database.ts";
import type { Understood } from "./command.ts";

/** How people say which alert they mean: by its own name, or by the check that it is about. */
export type AlertMeant =
  | { readonly kind: "alert"; readonly id: string }
  | { readonly kind: "check"; readonly check: string };

export function understandAlert(word: string, checks: readonly string[]): Understood<AlertMeant> {
  const id = parseAlertName(word);
  if (id !== undefined) return { ok: true, args: { kind: "alert", id } };
  if (checks.includes(word)) return { ok: true, args: { kind: "check", check: word } };
  const meant = nearest(word, checks);
  const hint = meant === undefined ? "" : ` Did you mean ${meant}?`;
  return { ok: false, message: `"${word}" is no alert, such as A-7, and no check.${hint}` };
}

/** The alert that is meant, of a check its newest, locked; or why there is none. */
export async function lockAlert(
  tx: Transaction,
  target: string,
  meant: AlertMeant,
): Promise<Understood<KeptAlert>> {
  if (meant.kind === "alert") {
    const kept = await findAlert(tx, meant.id, "for update");
    if (kept?.target === target) return { ok: true, args: kept };
    return { ok: false, message: `There is no alert ${alertName(meant.id)} of ${target}.` };
  }
  const [kept] = await newestAlerts(tx, target, [meant.check]);
  if (kept) return { ok: true, args: kept };
  return { ok: false, message: `${meant.check} never had an alert.` };
}

/** Alerts that have fired and are not over: what people can take on or silence. */
export async function firedAlerts(tx: Transaction, target: string): Promise<readonly KeptAlert[]> {
  return (await openAlerts(tx, target)).filter(({ alert }) => alert.state !== "pending");
}
