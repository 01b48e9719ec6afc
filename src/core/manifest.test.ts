import { describe, expect, test } from "vitest";

import { definitionDigest, plainDefinition, structureDigest } from "./manifest-structure.ts";
import { artifactNames, backupIdOf, begunAt, idOfManifest } from "./manifest.ts";

describe("the name of a backup", () => {
  const id = "20261123T030405Z";

  test("is the second in which it was begun, there and back", () => {
    expect(backupIdOf(new Date("2026-11-23T03:04:05.678Z"))).toBe(id);
    expect(begunAt(id)).toEqual(new Date("2026-11-23T03:04:05Z"));
  });

  test("is found in the name of its manifest, and in no other file's", () => {
    const { artifact, manifest } = artifactNames(id);
    expect(idOfManifest(manifest)).toBe(id);
    for (const name of [artifact, `${manifest}.partial`, `x${manifest}`, "manifest.json"]) {
      expect(idOfManifest(name)).toBeUndefined();
    }
  });

  test("orders backups by their time", () => {
    const moments = ["2026-01-31T23:59:59Z", "2026-02-01T00:00:00Z", "2026-11-01T00:00:00Z"];
    const ids = moments.map((at) => backupIdOf(new Date(at)));
    expect(ids.toSorted()).toEqual(ids);
  });
});

describe("a definition", () => {
  test.each([
    [
      "a list of words, before a dump and after a restore",
      "CHECK (((state)::text = ANY ((ARRAY['open'::character varying, 'done'::character varying])::text[])))",
      "CHECK (((state)::text = ANY (ARRAY[('open'::character varying)::text, ('done'::character varying)::text])))",
    ],
    ["a type with a size", "'1'::numeric(8,2)", "'1'"],
    ["a type of another schema", "'calm'::public.mood", "'calm'::mood"],
    ["a type whose name needs quotes", `'a'::public."Mood"[]`, "'a'"],
    ["a moment", "now()::timestamp without time zone", "now()"],
  ])("is the same however its casts are spelt: %s", (_what, one, other) => {
    expect(definitionDigest(one)).toBe(definitionDigest(other));
  });

  test("keeps all that is no cast", () => {
    expect(plainDefinition("CHECK (((weight > 1.5) AND (state <> 'a b')))")).toBe(
      "CHECKweight>1.5ANDstate<>'ab'",
    );
    expect(definitionDigest("CHECK (weight > 1)")).not.toBe(definitionDigest("CHECK (weight > 2)"));
  });
});

test("a structure has one digest in whatever order it was read, and another when anything differs", () => {
  const one = { kind: "table", name: "public.a", digest: "1" } as const;
  const other = { kind: "index", name: "public.b", digest: "2" } as const;
  expect(structureDigest([one, other])).toBe(structureDigest([other, one]));
  expect(structureDigest([one])).not.toBe(structureDigest([one, other]));
  expect(structureDigest([{ ...one, digest: "3" }])).not.toBe(structureDigest([one]));
});
