const warningLevel = 40;

/**
 * What a person at the terminal should see of one line of the bot's log: warnings and worse in their own words, and
 * whatever is no log line at all, such as the last words of a process that could not start.
 */
export function warningOf(line: string): string | undefined {
  if (line.trim() === "") return undefined;
  const entry = parse(line);
  if (entry === undefined) return line;
  if (typeof entry["level"] !== "number" || entry["level"] < warningLevel) return undefined;
  const error = entry["err"] as { readonly message?: unknown } | undefined;
  return [entry["msg"], error?.message].filter((text) => typeof text === "string").join(": ");
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}
