/** What Flightdeck does for people, in the columns of the matrix. */
export const families = ["reading", "backup", "rotate", "deploy", "rollback", "alerts"] as const;

export type Family = (typeof families)[number];
