/** Loaded by `--import`: ends the process with SIGKILL, or stops it, at the nth time that it passes a moment. */
import { subscribe } from "node:diagnostics_channel";

const [moments = "", nth = "1"] = (process.env["KILL_AT"] ?? "").split("#");
/** Whichever comes first: `act.returned@step|step.closed@step`. */
const awaited: readonly string[] = moments.split("|");
const signal = process.env["KILL_WITH"] ?? "SIGKILL";
let passed = 0;

subscribe("flightdeck.moments", (message) => {
  const seen = message as { readonly moment: string; readonly about: string };
  const named =
    awaited.includes(seen.moment) ||
    awaited.includes(`${seen.moment}@${seen.about.split(":").at(-1)}`);
  if (!named) return;
  passed += 1;
  if (passed === Number(nth)) process.kill(process.pid, signal);
});
