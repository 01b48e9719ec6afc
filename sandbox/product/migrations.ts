import { readFile } from "node:fs/promises";

import type { Revision } from "./revision.ts";

export type Migration = {
  /** What `alembic_version` says when it was applied. */
  readonly revision: string;
  readonly title: string;
  /** Each statement, or where they stand. */
  readonly statements: readonly string[] | URL;
  /** Outside of a transaction every statement is committed by itself, and stays when a later one fails. */
  readonly isTransactional: boolean;
};

const file = (revision: string, title: string): Migration => ({
  revision,
  title,
  statements: new URL(`migrations/${revision}.sql`, import.meta.url),
  isTransactional: true,
});

/** A migration about parts of the product that are not here. */
const elsewhere = (revision: string, title: string): Migration => ({
  revision,
  title,
  statements: [],
  isTransactional: true,
});

const ofA: readonly Migration[] = [
  file("5638dfedf9dc", "inbox, tasks and events"),
  file("5d07b602df71", "memory and prompts"),
  file("9c5f8f7f2a1b", "idempotency"),
  file("c3a2b7d9f1e0", "todoist task map"),
];

/** The chain of a revision's migrations, the first of all first. */
export const migrationsOf: Readonly<Record<Revision, readonly Migration[]>> = {
  A: ofA,
  B: [
    ...ofA,
    elsewhere("e8f1a7c9d2b4", "reminders"),
    elsewhere("f2b6c1d9a4e7", "sessions"),
    elsewhere("1f9d7c3a4b6e", "areas"),
    elsewhere("4d7a9c2e1b4f", "people"),
    elsewhere("7a1c9e4d2f3b", "action batches"),
    elsewhere("8c2d1e4f5a6b", "conversation events"),
    elsewhere("b6e3a9c1d4f2", "recurring reminders"),
    file("c4f2d9e1a7b3", "work items"),
  ],
};

export async function statementsOf({ statements }: Migration): Promise<readonly string[]> {
  return statements instanceof URL ? [await readFile(statements, "utf8")] : statements;
}

/** All of a revision's schema as texts to run one after the other, with the mark that it was applied. */
export async function schemaOf(revision: Revision): Promise<readonly string[]> {
  const migrations = migrationsOf[revision];
  const statements = await Promise.all(migrations.map(statementsOf));
  return [
    VERSION_TABLE,
    ...statements.flat(),
    `insert into alembic_version (version_num) values ('${migrations.at(-1)!.revision}')`,
  ];
}

export const VERSION_TABLE =
  "create table if not exists alembic_version (version_num varchar(32) primary key)";
