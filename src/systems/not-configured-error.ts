/**
 * What a check or an operation would ask is not part of this configuration. Nothing failed and nothing is hidden: a check
 * that meets it is `not-configured`, which is listed and not counted.
 */
export class NotConfiguredError extends Error {
  override readonly name = "NotConfiguredError";

  /** `setting` is the path in the file that would configure it, such as `systems.coolify`. */
  constructor(setting: string) {
    super(`${setting} is not configured`);
  }
}
