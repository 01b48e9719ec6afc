/** How a system outside failed us; who asks decides what that means. */
export type SystemErrorKind =
  | "unreachable"
  | "timeout"
  | "unauthorized"
  | "rate-limited"
  | "rejected"
  | "malformed";

/** A failure of something outside. The message says what was attempted and on what, and never holds a secret. */
export class SystemError extends Error {
  override readonly name = "SystemError";
  readonly system: string;
  readonly kind: SystemErrorKind;

  constructor(system: string, kind: SystemErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.system = system;
    this.kind = kind;
  }
}
