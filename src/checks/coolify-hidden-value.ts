import { SystemError } from "../systems/system-error.ts";

/** A value that would have to be compared and that Coolify shows to nobody, or not to us. */
export function hiddenValue(variable: string, application: string): SystemError {
  const message =
    `Coolify, ${variable} of ${application}: its value is hidden and cannot be compared; ` +
    "expected systems.coolify.sensitiveToken to have read:sensitive, and the variable not to be locked";
  return new SystemError("coolify", "unauthorized", message);
}
