import { inspect } from "node:util";

import { pino } from "pino";

/** What the rest of the house needs of a logger. */
export type Logger = {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

/**
 * One JSON object a line. Errors are reduced to an allow-list of fields, because their neighbours hold tokens and
 * payloads, and every finished line passes the scrubber once more.
 */
export function createLogger(
  write: (line: string) => void,
  scrub: (text: string) => string,
): Logger {
  return pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err: describeError } },
    { write: (line: string) => write(scrub(line)) },
  );
}

type Described = {
  readonly name: string;
  readonly message: string;
  readonly kind?: string;
  readonly stack?: string | undefined;
  readonly cause?: Described;
};

const CAUSE_DEPTH = 4;

function describeError(error: unknown, depth = 0): Described | undefined {
  if (error === undefined) return undefined;
  if (!(error instanceof Error))
    return { name: typeof error, message: inspect(error, { depth: 1 }) };
  const kind = "kind" in error && typeof error.kind === "string" ? { kind: error.kind } : {};
  const cause =
    error.cause === undefined || depth >= CAUSE_DEPTH
      ? undefined
      : describeError(error.cause, depth + 1);
  return {
    name: error.name,
    message: error.message,
    ...kind,
    // A failure that has a kind was foreseen; for the others the place matters.
    ...("kind" in kind ? {} : { stack: error.stack }),
    ...(cause === undefined ? {} : { cause }),
  };
}
