import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

import { describe, expect, test } from "vitest";

/** Outer to inner. A file imports from its own layer or from one further right. */
const LAYERS = [
  "main",
  "cli app flightdeck target own-servers doors health logger metrics trouble-report",
  "config",
  "bot",
  "commands",
  "jobs",
  "checks",
  "storage",
  "systems",
  "servers",
  "core",
] as const;

/** Every outside package has its homes; elsewhere we speak our own types. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  grammy: ["bot"],
  "@grammyjs/conversations": ["bot"],
  hono: ["bot"],
  "@hono/node-server": ["bot"],
  "@resvg/resvg-js": ["bot"],
  "@expo-google-fonts/inter": ["bot"],
  bullmq: ["jobs"],
  croner: ["jobs"],
  ioredis: ["jobs", "systems"],
  undici: ["systems"],
  "@aws-sdk/client-s3": ["systems"],
  "@aws-sdk/lib-storage": ["systems"],
  "age-encryption": ["systems"],
  pg: ["storage", "systems"],
  "node-pg-migrate": ["storage"],
  nodemailer: ["systems"],
  pino: ["logger"],
  "prom-client": ["metrics"],
  yaml: ["config"],
  canonicalize: ["core"],
  "fastest-levenshtein": ["core"],
  "node:child_process": ["servers", "systems"],
  zod: ["config", "bot", "commands", "jobs", "checks", "storage", "systems", "core"],
};

/** The one file outside src that src reads: its own version. */
const VERSION = "package.json";

const root = join(import.meta.dirname, "..");
const files = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name));
const importsOf = (file: string): string[] =>
  [
    ...readFileSync(join(root, file), "utf8").matchAll(
      /(?:^|\n)\s*(?:import|export)\b(?:[^;"'=()]*?\bfrom\b)?\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/g,
    ),
  ].map((match) => match[1] ?? match[2] ?? "");
const layerOf = (file: string): string =>
  relative("src", file)
    .split("/")[0]!
    .replace(/(\.test)?\.ts$/, "")
    // The command line is one layer in several files.
    .replace(/^cli-.*$/, "cli");
const rank = (layer: string): number =>
  LAYERS.findIndex((names) => names.split(" ").includes(layer));
const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

const sources = files("src");
const production = sources.filter((file) => !file.endsWith(".test.ts"));

describe("the house", () => {
  test("has a layer for every source file", () => {
    expect(sources.filter((file) => rank(layerOf(file)) < 0)).toEqual([]);
    expect(sources.length).toBeGreaterThan(10);
  });

  test("imports only inward", () => {
    const outward = production.flatMap((file) =>
      importsOf(file)
        .filter((specifier) => specifier.startsWith("."))
        .map((specifier) => normalize(join(dirname(file), specifier)))
        .filter((target) => target !== VERSION && rank(layerOf(target)) < rank(layerOf(file)))
        .map((target) => `${file} → ${target}`),
    );
    expect(outward).toEqual([]);
  });

  test("lets only app, flightdeck, target and cli see config", () => {
    const offenders = production.filter(
      (file) =>
        !["app", "flightdeck", "target", "cli", "config"].includes(layerOf(file)) &&
        importsOf(file).some((specifier) => /\/config\//.test(specifier)),
    );
    expect(offenders).toEqual([]);
  });

  test("keeps every outside package in its homes", () => {
    const strays = production.flatMap((file) =>
      importsOf(file)
        .filter((specifier) => !specifier.startsWith("."))
        .filter((specifier) => {
          const name = specifier.startsWith("node:") ? specifier : packageOf(specifier);
          const homes = HOMES[name];
          if (specifier.startsWith("node:") && homes === undefined) return false;
          return !(homes ?? []).includes(layerOf(file));
        })
        .map((specifier) => `${file} imports ${specifier}`),
    );
    expect(strays).toEqual([]);
  });

  test("knows the process only in main.ts", () => {
    const offenders = production.filter(
      (file) =>
        // Servers are processes: who they are, and whether they still live, is their subject.
        !["main", "servers"].includes(layerOf(file)) &&
        /\bprocess\.[a-z]|from "node:process"/.test(readFileSync(join(root, file), "utf8")),
    );
    expect(offenders).toEqual([]);
  });

  test("keeps the sandbox apart: it imports src/servers alone, and src imports nothing of it", () => {
    const intoSource = files("sandbox").flatMap((file) =>
      importsOf(file)
        .filter((specifier) => specifier.startsWith("."))
        .map((specifier) => normalize(join(dirname(file), specifier)))
        .filter((target) => !target.startsWith("sandbox/") && !target.startsWith("src/servers/"))
        .map((target) => `${file} → ${target}`),
    );
    const outOfSource = sources.flatMap((file) =>
      importsOf(file)
        .filter((specifier) => specifier.startsWith("."))
        .map((specifier) => normalize(join(dirname(file), specifier)))
        .filter((target) => target !== VERSION && !target.startsWith("src/"))
        .map((target) => `${file} → ${target}`),
    );
    expect([...intoSource, ...outOfSource]).toEqual([]);
  });
});
