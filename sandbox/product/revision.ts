/** A synchronises tasks with Todoist. B keeps them as work items of its own and knows no Todoist. */
export type Revision = "A" | "B";

export function isRevision(text: string): text is Revision {
  return text === "A" || text === "B";
}
