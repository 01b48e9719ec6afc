import type { KeptAlert } from "../../storage/alert.ts";

/** An alert that has an id by now. */
export type NewsAbout = Pick<KeptAlert, "id" | "target" | "check" | "severity" | "alert">;

export const ALERT_SUBJECT = "alert";

/** The subject under which an alert's card stands in the outbox. */
export function alertSubject(id: string): string {
  return `${ALERT_SUBJECT}:${id}`;
}
