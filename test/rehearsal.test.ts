import { existsSync, readFileSync, readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";

import { describe, expect, test } from "vitest";

import { personas } from "../sandbox/telegram/personas.ts";
import { runCommandLine } from "../src/cli.ts";
import { entrySchema } from "../src/core/entry.ts";
import { scrub } from "../src/core/redaction.ts";
import { formatVerifier, generateSigner } from "../src/core/signed-note.ts";
import { createBell } from "../src/core/waiting.ts";
import { temporaryDirectory } from "../src/servers/temporary-directory.ts";
import { blocksOf, read, root } from "./support/documents.ts";
import { tokensOf } from "./support/sample-line.ts";

const LOG = "comms/log.md";
const KEY = "comms/keys/sandbox.vkey";
const ORIGIN = "flightdeck/rehearsal/sandbox";

const log = readFileSync(join(root, LOG));
const text = log.toString("utf8");
const entries = [...text.matchAll(/^```json\n(.+)\n```$/gm)].map(([, line = ""]) =>
  entrySchema.parse(JSON.parse(line)),
);

type Ended = { readonly code: number; readonly said: string };

/** A terminal that has neither a configuration nor an environment. */
async function flightdeck(argv: readonly string[]): Promise<Ended> {
  let said = "";
  const code = await runCommandLine({
    argv,
    sources: {
      environment: {},
      readFile: (path) => {
        throw new Error(`${path} is not needed to verify a log.`);
      },
    },
    stdin: new PassThrough().end(),
    osUser: "nobody",
    instance: "test",
    stdout: (line) => (said += line),
    stderr: (line) => (said += line),
    signal: new AbortController().signal,
    hangUp: createBell(),
  });
  return { code, said };
}

const verify = async (file: string, key = KEY): Promise<Ended> =>
  flightdeck(["evidence", "verify", file, "--key", key]);

/** The same log with something done to its bytes. */
async function tampered(changed: Buffer): Promise<Ended> {
  await using directory = await temporaryDirectory("rehearsal");
  const file = join(directory.path, "log.md");
  await writeFile(file, changed);
  return await verify(file);
}

describe("the rehearsal", () => {
  test("is sound by the command that its README shows, and signed to its last entry", async () => {
    const shown = blocksOf("comms/README.md")
      .flatMap((block) => block.text.split("\n"))
      .find((line) => line.includes(LOG));
    const { code, said } = await flightdeck(tokensOf(shown?.split(" -- ")[1] ?? ""));
    expect(said).toMatch(/^SOUND\n/);
    expect(said).toContain(`${ORIGIN}: ${entries.length} entries read in order`);
    expect(said).toContain(`the last one vouches for ${entries.length} entries`);
    expect(code).toBe(0);
  });

  test("holds everything that a rollout is made of, in an order that makes sense, each with its time", () => {
    const came = entries
      .filter(({ kind }) => kind === "run.result")
      .map(({ operation, result }) => `${operation} ${result}`);
    const rollout = [
      "preflight GO",
      "backup SAVED",
      "deploy DEPLOYED",
      "smoke GO",
      "backup SAVED",
      "drill VERIFIED",
      "rotate ROTATED",
      "smoke GO",
      "rollback ROLLED BACK",
      "preflight GO",
      "smoke GO",
      "evidence-verify SOUND",
    ];
    let at = 0;
    for (const one of came) if (one === rollout[at]) at += 1;
    expect(rollout.slice(at)).toEqual([]);
    const times = entries.map((entry) => Date.parse(entry.at));
    expect(times.every((time, index) => index === 0 || time >= (times[index - 1] ?? 0))).toBe(true);
  });

  test("changed nothing but by a used yes of somebody else, twice where nobody can go back", () => {
    const used = entries.filter(({ kind }) => kind === "approval.used");
    expect(used.map(({ operation }) => operation)).toEqual([
      "deploy",
      "rotate",
      "rotate",
      "rollback",
    ]);
    for (const { run } of used) {
      const asker = entries.find((entry) => entry.run === run && entry.kind === "approval.asked");
      const voter = entries.find((entry) => entry.run === run && entry.kind === "approval.voted");
      expect([asker?.actor.name, voter?.actor.name]).toEqual(["Otto", "Ada"]);
    }
    const signed = entries.find(({ kind }) => kind === "rollout.signed");
    expect(signed).toMatchObject({ result: "complete", actor: { name: "Ada" } });
  });

  test("documents the dry run of a restore, step by step, with the time of each", () => {
    const drill = entries.find(
      ({ operation, kind }) => operation === "drill" && kind === "run.result",
    );
    const { steps = "", pass = "", fail } = drill?.facts ?? {};
    expect(steps.split("; ").length).toBeGreaterThan(10);
    for (const step of steps.split("; ")) {
      expect(step).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z .+ \d+ms$/);
    }
    expect(pass.split("; ")).toHaveLength(16);
    expect(fail).toBeUndefined();
  });

  test("says in each entry that it is one, and tells of personas alone", () => {
    expect(new Set(entries.map((entry) => entry.log))).toEqual(new Set([ORIGIN]));
    expect(new Set(entries.map(({ target }) => target))).toEqual(new Set(["sandbox"]));
    const people = Object.values(personas).map(({ firstName }) => firstName);
    const named = entries.flatMap(({ actor }) => (actor.via === "telegram" ? [actor.name] : []));
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => !people.includes(name as (typeof people)[number]))).toEqual([]);
  });

  test("tells nothing of the machine that it was made on, and no secret", () => {
    expect(text).not.toMatch(/\/(?:home|root|tmp|work|var|Users)\//);
    const addresses = [...text.matchAll(/\b\d+\.\d+\.\d+\.\d+(?=:)/g)].map(([address]) => address);
    expect(new Set(addresses)).toEqual(new Set(["127.0.0.1"]));
    expect(new Set(entries.map(({ instance }) => instance))).toEqual(new Set(["rehearsal"]));
    expect(scrub(text)).toBe(text);
  });

  test("is proved by the key beside it and by no other", async () => {
    const other = formatVerifier(generateSigner(ORIGIN).verifier);
    expect((await verify(LOG, other)).code).toBe(3);
  });

  test.each([0.01, 0.2, 0.4, 0.6, 0.8, 0.99])(
    "is found to be tampered with when one byte is another, at %d of its length",
    async (part) => {
      const changed = Buffer.from(log);
      const at = Math.floor(changed.length * part);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(await tampered(changed)).toMatchObject({
        code: 1,
        said: expect.stringMatching(/^TAMPERED/),
      });
    },
  );

  test("is found to lack an entry that was taken out, and its end when that was cut off", async () => {
    const [, block = ""] = /^(## #50 [^]*?)^## #51 /m.exec(text) ?? [];
    expect(block).toContain("<!-- end 50 ");
    expect((await tampered(Buffer.from(text.replace(block, "")))).code).toBe(1);
    expect((await tampered(log.subarray(0, log.length - 400))).code).toBe(2);
  });
});

describe("the phases", () => {
  const phases = read("docs/PHASES.md");
  const [, standing] =
    /^\| The first production smoke is recorded .*\| (.+?) +\|$/m.exec(phases) ?? [];
  const productions = readdirSync(join(root, "comms"), { withFileTypes: true }).filter(
    (found) => found.isDirectory() && existsSync(join(root, "comms", found.name, "log.md")),
  );

  test("say that production is still to be smoked, as long as no log of a production lies here", () => {
    expect(standing).toMatch(productions.length === 0 ? /^\*\*open\*\*$/ : /^recorded: R-\w+$/);
  });

  test("and the plan tell the same of both phases, and what is next", () => {
    expect(phases).toMatch(/^\| 12: [^|]+\| \*\*complete\*\* /m);
    expect(phases).toMatch(/^\| 13: [^|]+\| \*\*in progress\*\* /m);
    expect(read("docs/README.md")).toMatch(
      /phase 12, [^.]+ is complete\. Phase 13, [^.]+in progress/,
    );
    expect(read("docs/EXECUTION_PLAN.md")).toContain(
      "**Active priority: the production rollout** (phase 13",
    );
  });
});
