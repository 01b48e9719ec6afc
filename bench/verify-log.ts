import { hash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { checkpointText } from "../src/core/checkpoint.ts";
import { canonicalForm, entryHash, genesisHash, type Entry } from "../src/core/entry.ts";
import { checkpointBlock, entryBlock, logHeader } from "../src/core/log-text.ts";
import { verifyFiles } from "../src/core/log-verification.ts";
import { emptyTree, rootOf, withLeaf } from "../src/core/merkle.ts";
import { generateSigner, signNote, type NoteSigner } from "../src/core/signed-note.ts";
import { temporaryDirectory } from "../src/servers/temporary-directory.ts";
import type { Bench, Round } from "./bench.ts";

const ENTRIES = 100_000;
/** As often as a busy log is signed. */
const SIGNED_EVERY = 50;
const ORIGIN = "flightdeck/evidence/bench";

export const verifyLog: Bench = {
  name: "verify-log",
  summary: `how long ${ENTRIES} entries take to verify offline, beside hashing their lines and no more`,
  usualRounds: 5,
  async measure({ rounds, signal }) {
    await using directory = await temporaryDirectory("verify-log");
    const path = join(directory.path, "log.md");
    const signer = generateSigner(ORIGIN);
    await pipeline(Readable.from(logText(signer)), createWriteStream(path), { signal });
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      signal.throwIfAborted();
      const beside = await timed(async () => hashLines(path));
      const ours = await timed(async () => {
        const part = { name: path, open: () => createReadStream(path) };
        const report = await verifyFiles([part], { keys: [signer.verifier], outside: [] });
        if (report.verdict !== "sound") throw new Error(`The log is ${report.verdict}.`);
      });
      measured.push({ ours, beside });
    }
    return [
      {
        what: `verifying ${ENTRIES} entries offline`,
        unit: "ms",
        besideName: "hashing their lines alone",
        rounds: measured,
        goal: { of: "value", atMost: 3_000 },
      },
    ];
  },
};

function* logText(signer: NoteSigner): Generator<string> {
  yield logHeader({ target: "bench", origin: ORIGIN, after: undefined });
  let prev = genesisHash(ORIGIN);
  let tree = emptyTree();
  for (let seq = 1; seq <= ENTRIES; seq += 1) {
    const entry = entryAt(seq, prev);
    const canonical = canonicalForm(entry);
    prev = entryHash(canonical);
    tree = withLeaf(tree, prev);
    yield entryBlock({ entry, canonical, hash: prev });
    if (seq % SIGNED_EVERY > 0) continue;
    const text = checkpointText({ origin: ORIGIN, size: seq, root: rootOf(tree) });
    yield checkpointBlock(signNote(text, [signer]));
  }
}

function entryAt(seq: number, prev: string): Entry {
  return {
    v: 1,
    log: ORIGIN,
    seq: String(seq),
    prev,
    at: new Date(Date.UTC(2026, 10, 23) + seq * 1_000).toISOString(),
    kind: "run.result",
    target: "bench",
    actor: { via: "telegram", name: "Otto", telegram: "1002", role: "operator" },
    operation: "preflight",
    run: `R-${seq}`,
    result: "GO",
    config: "c".repeat(64),
    build: "0.1.0",
    instance: "host-1",
    facts: { asked: "12 of 12 checks", pass: "api-is-live api-is-ready worker-makes-progress" },
  };
}

/** What nobody can do without: reading the file and hashing every entry's line. */
async function hashLines(path: string): Promise<void> {
  let hashed = 0;
  for await (const line of createInterface({ input: createReadStream(path) })) {
    if (!line.startsWith("{")) continue;
    hash("sha256", `\0${line}`);
    hashed += 1;
  }
  if (hashed !== ENTRIES) throw new Error(`There were ${hashed} lines to hash.`);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAtMs = performance.now();
  await work();
  return performance.now() - startedAtMs;
}
