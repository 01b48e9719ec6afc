/** SQL that writes a time as Python does: microseconds and an offset. */
export function isoTime(expression: string): string {
  return `to_char((${expression}) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')`;
}

/** Some answers leave the zone out, although they are in UTC. */
export function isoTimeWithoutZone(expression: string): string {
  return `to_char((${expression}) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')`;
}
