/** A synchronises tasks with Todoist. B keeps them as work items of its own and knows no Todoist. */
export type Revision = "A" | "B";

export function isRevision(text: string): text is Revision {
  return text === "A" || text === "B";
}

/** What `alembic_version` says when all migrations of a revision were applied, and when the last one is missing. */
export const migrations: Readonly<
  Record<Revision, { readonly head: string; readonly before: string }>
> = {
  A: { head: "c3a2b7d9f1e0", before: "9c5f8f7f2a1b" },
  B: { head: "c4f2d9e1a7b3", before: "b6e3a9c1d4f2" },
};
