import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

type LockedPackage = {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly hasInstallScript?: boolean;
};

const root = join(import.meta.dirname, "..");
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const { packages } = JSON.parse(read("package-lock.json")) as {
  readonly packages: Readonly<Record<string, LockedPackage>>;
};
const installed = Object.entries(packages).filter(([path]) => path !== "");

describe("the lockfile", () => {
  test("pins every package by its content and names no registry, so any mirror serves", () => {
    expect(installed.length).toBeGreaterThan(100);
    expect(installed.filter(([, entry]) => entry.integrity === undefined)).toEqual([]);
    expect(installed.filter(([, entry]) => entry.resolved !== undefined)).toEqual([]);
  });

  test("lists every platform's build of every package, or npm ci refuses it elsewhere", () => {
    const wanted = Object.entries(packages).flatMap(([path, entry]) =>
      Object.keys(entry.optionalDependencies ?? {}).map((name) => ({ path, name })),
    );
    expect(wanted.length).toBeGreaterThan(20);
    expect(wanted.filter(({ path, name }) => !isLocked(path, name))).toEqual([]);
  });

  test("brings no install script but one, and npm is told to run none", () => {
    const withScript = installed
      .filter(([, entry]) => entry.hasInstallScript === true)
      .map(([path]) => path);
    // BullMQ packs messages with it where its build is there, and in plain JavaScript where it is not.
    expect(withScript).toEqual(["node_modules/msgpackr-extract"]);
    expect(read(".npmrc").split("\n")).toContain("ignore-scripts=true");
  });
});

/** As Node looks a package up: in the asker's own node_modules, then in each one around it. */
function isLocked(asker: string, name: string): boolean {
  const inside = `${asker === "" ? "" : `${asker}/`}node_modules/${name}`;
  if (packages[inside] !== undefined) return true;
  if (asker === "") return false;
  const outer = asker.slice(0, Math.max(0, asker.lastIndexOf("node_modules/") - 1));
  return isLocked(outer, name);
}
