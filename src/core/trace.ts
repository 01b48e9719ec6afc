import { channel } from "node:diagnostics_channel";

/** The moments after which a crash must not matter, in the order in which a command lives through them. */
export type Moment =
  | "inbox.stored"
  | "guide.turned"
  | "inbox.handled"
  | "run.claimed"
  | "step.opened"
  | "approval.asked"
  | "approval.used"
  | "act.begins"
  | "act.returned"
  | "step.closed"
  | "drill.phase"
  | "run.ended"
  | "looks.kept"
  | "message.sending"
  | "message.accepted"
  | "message.recorded"
  | "call.sending"
  | "call.accepted"
  | "call.recorded"
  | "log.cut"
  | "log.written"
  | "log.synced"
  | "log.recorded"
  | "log.drafted"
  | "log.replaced"
  | "log.moved"
  | "log.adopted"
  | "key.added"
  | "key.introduced"
  | "checkpoint.remembered"
  | "checkpoint.signed"
  | "witness.committed"
  | "witness.pushed";

const moments = channel("flightdeck.moments");

/** Tells whoever listens on the `flightdeck.moments` channel where the process is. Costs nothing when nobody does. */
export function pass(moment: Moment, about: string): void {
  if (moments.hasSubscribers) moments.publish({ moment, about });
}
