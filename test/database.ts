import { randomUUID } from "node:crypto";

import { Client, escapeIdentifier } from "pg";
import { inject } from "vitest";

import { searchDatabase } from "./support/canaries.ts";

export type TestDatabase = AsyncDisposable & { readonly name: string; readonly url: string };

/** A database of its own for a test, empty or a copy of the template, gone when it is disposed. */
export async function createTestDatabase(
  options: { readonly template?: string } = {},
): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  const template = escapeIdentifier(options.template ?? "template1");
  await asSuperuser(`create database ${escapeIdentifier(name)} template ${template}`);
  const url = new URL(inject("postgresUrl"));
  url.pathname = name;
  return {
    name,
    url: url.href,
    async [Symbol.asyncDispose]() {
      await searchDatabase(url.href);
      // By force, because a test that failed may have left a connection open.
      await asSuperuser(`drop database if exists ${escapeIdentifier(name)} with (force)`);
    },
  };
}

/** A prefix for BullMQ that keeps one test's queues apart from another's. */
export function createTestRedisPrefix(): string {
  return `{test-${randomUUID()}}`;
}

async function asSuperuser(statement: string): Promise<void> {
  const client = new Client({ connectionString: inject("postgresUrl") });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
