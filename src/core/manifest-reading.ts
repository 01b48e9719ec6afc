import { z } from "zod";

import {
  artifactNames,
  idOfManifest,
  MANIFEST_FORMAT,
  manifestSchema,
  type Manifest,
} from "./manifest.ts";

/** What a manifest says, or why we cannot read it. One of a later version than ours is not damaged, only newer. */
export type ManifestReading =
  | { readonly kind: "read"; readonly manifest: Manifest }
  | { readonly kind: "unreadable" | "later"; readonly reason: string };

const laterSchema = z.looseObject({ format: z.literal(MANIFEST_FORMAT), v: z.int().min(2) });

/** @param name of the file that it stands in */
export function readManifest(text: string, name: string): ManifestReading {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { kind: "unreadable", reason: `${name} is no JSON` };
  }
  const later = laterSchema.safeParse(json).data;
  if (later) {
    const reason = `${name} is of version ${later.v}, and this Flightdeck reads version 1; a newer one reads it`;
    return { kind: "later", reason };
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.join(".") ?? "";
    const reason = `${name} is no manifest that this version knows: ${where === "" ? "" : `${where}: `}${issue?.message}`;
    return { kind: "unreadable", reason };
  }
  const { id, artifact } = parsed.data;
  const named = idOfManifest(name) ?? id;
  if (id !== named || artifact.key !== artifactNames(named).artifact) {
    return {
      kind: "unreadable",
      reason: `${name} is the manifest of ${id}, whose file is ${artifact.key}`,
    };
  }
  return { kind: "read", manifest: parsed.data };
}
