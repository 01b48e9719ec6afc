import { hash } from "node:crypto";

import type { StructureObject } from "./manifest.ts";

// What is read back from a dump carries its casts in other places and brackets, and means the same.
const CAST =
  /::(?:"[^"]*"\.|\w+\.)?(?:character varying|double precision|bit varying|time(?:stamp)? with(?:out)? time zone|"[^"]*"|\w+)(?:\(\d+(?:,\d+)?\))?(?:\[\])*/g;

/** A definition without what a restore may spell differently: casts, brackets around expressions, blanks. */
export function plainDefinition(definition: string): string {
  return definition.replace(CAST, "").replace(/[()\s]/g, "");
}

export function definitionDigest(definition: string): string {
  return hash("sha256", plainDefinition(definition));
}

/** One digest for all of a structure, whatever the order in which it was read. */
export function structureDigest(objects: readonly StructureObject[]): string {
  const lines = objects.map(({ kind, name, digest }) => `${kind}\t${name}\t${digest}`).toSorted();
  return hash("sha256", lines.join("\n"));
}
