import { scrub } from "../core/redaction.ts";

/** How a system outside failed us; who asks decides what that means. */
export type SystemErrorKind =
  | "unreachable"
  | "timeout"
  | "unauthorized"
  | "rate-limited"
  | "rejected"
  | "malformed";

export type SystemErrorOptions = ErrorOptions & { readonly code?: string | undefined };

/** A failure of something outside. The message says what was attempted and on what, and never holds a secret. */
export class SystemError extends Error {
  override readonly name = "SystemError";
  readonly system: string;
  readonly kind: SystemErrorKind;
  /** The system's own code, such as `ECONNREFUSED` or `42P01`. */
  readonly code: string | undefined;

  constructor(
    system: string,
    kind: SystemErrorKind,
    message: string,
    options: SystemErrorOptions = {},
  ) {
    super(message, options);
    this.system = system;
    this.kind = kind;
    this.code = options.code;
  }
}

/**
 * What may be kept of a client's error as a cause: name, code, message and stack, scrubbed. Clients hang much more on
 * their errors, a refused Redis login even its password.
 */
export function safeCause(error: unknown, scrubText: (text: string) => string = scrub): Error {
  if (!(error instanceof Error)) return new Error(scrubText(String(error)));
  const cause = new Error(scrubText(error.message));
  cause.name = error.name;
  if (error.stack !== undefined) cause.stack = scrubText(error.stack);
  const code = codeOf(error);
  return code === undefined ? cause : Object.assign(cause, { code });
}

/** The code of an error, or of the first of several that one attempt has met. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as { readonly code?: unknown };
  if (typeof code === "string") return code;
  if (error instanceof AggregateError) {
    return (error.errors as readonly unknown[]).map(codeOf).find((each) => each !== undefined);
  }
  return undefined;
}
