import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

import type { ReferenceSources } from "./config/references.ts";
import { readYaml } from "./config/source.ts";
import { SECRET_BYTES, SECRET_FORMS, secretText, type SecretForm } from "./core/secret-plan.ts";
import { Secret } from "./core/secret.ts";

/** A secret that was made because its file is not there yet; nothing was written anywhere. */
export type MadeSecret = { readonly path: string; readonly value: Secret };

/**
 * Reads as the given sources do, but where a file that keeps a made secret is missing, the secret is made: a
 * configuration that refers to it can be read before anything was set up.
 */
export function makingSources(
  sources: ReferenceSources,
  files: readonly string[],
): { readonly sources: ReferenceSources; readonly made: ReadonlyMap<string, MadeSecret> } {
  const forms = new Map(files.flatMap((file) => keptFiles(sources, file)));
  const made = new Map<string, MadeSecret>();
  const readFile = (path: string): string => {
    try {
      return sources.readFile(path);
    } catch (error) {
      const form = forms.get(path);
      if (form === undefined || (error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      const known = made.get(path);
      const value = known?.value ?? new Secret(secretText(form, randomBytes(SECRET_BYTES)));
      made.set(path, { path, value });
      return value.reveal();
    }
  };
  return { sources: { ...sources, readFile }, made };
}

/** Puts a made secret where the configuration looks for it, for its owner's eyes alone. A file that is there stays. */
export async function keepMade({ path, value }: MadeSecret): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(path, `${value.reveal()}\n`, { flag: "wx", mode: 0o600 });
}

/** The files that a configuration means for what is made, whatever else may be wrong with it. */
function keptFiles(
  { readFile }: ReferenceSources,
  file: string,
): readonly (readonly [string, SecretForm])[] {
  const read = readYaml(textOf(readFile, file));
  const variables = read.ok ? memberOf(read.source.tree, "variables") : undefined;
  if (typeof variables !== "object" || variables === null) return [];
  return Object.values(variables).flatMap((variable: unknown) => {
    const [path, form] = [memberOf(variable, "keep"), memberOf(variable, "generate")];
    const known = SECRET_FORMS.find((one) => one === form);
    return typeof path === "string" && known !== undefined ? [[path, known] as const] : [];
  });
}

/** A file that cannot be read is told about where it is loaded. */
function textOf(readFile: ReferenceSources["readFile"], file: string): string {
  try {
    return readFile(file);
  } catch {
    return "";
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
