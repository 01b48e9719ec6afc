/**
 * Whether what was put off until `column` is due at the moment `now`, both as they stand in a statement. What lies
 * further ahead than it is ever put off was put there before the clock was set back; nobody waits for that time to come
 * again.
 */
export function isDue(column: string, now: string, putOffAtMostMs: number): string {
  return `(${column} <= ${now} or ${column} > ${now}::timestamptz + interval '${putOffAtMostMs} milliseconds')`;
}
