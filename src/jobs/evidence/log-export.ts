import { line } from "../../core/card.ts";
import type { Drawing } from "../../core/chart.ts";
import { checkpointBlock, entryBlock, logHeader } from "../../core/log-text.ts";
import type { Transaction } from "../../storage/database.ts";
import { LOG_START, logItems } from "../../storage/log-items.ts";
import type { LogIdentity } from "./log-part.ts";

/** Names the subject of an export; the target and the cause follow. */
export const EXPORT_SUBJECT = "evidence-export";

/** Well below what a bot may send, and no burden for the process that renders it. */
const LIMIT_BYTES = 20 * 1024 * 1024;

/** The whole log as one file that can be verified, rendered from the rows, or where its files are. */
export async function drawLogExport(
  tx: Transaction,
  now: Date,
  { target, origin, directory }: LogIdentity & { readonly directory: string },
  limitBytes = LIMIT_BYTES,
): Promise<Drawing> {
  const blocks = [Buffer.from(logHeader({ target, origin, after: undefined }))];
  let bytes = 0;
  let entries = 0;
  const inside = { transaction: async <T>(work: Work<T>) => work(tx, now) };
  for await (const item of logItems(inside, target, LOG_START)) {
    // However many files there are, this is one.
    if (item.kind === "rotation") continue;
    const text = item.kind === "entry" ? entryBlock(item.recorded) : checkpointBlock(item.note);
    const block = Buffer.from(text);
    blocks.push(block);
    bytes += block.length;
    if (item.kind === "entry") entries += 1;
    if (bytes > limitBytes) return { card: tooLarge(target, directory) };
  }
  const name = `${target}-evidence.md`;
  return {
    file: { name, bytes: Buffer.concat(blocks) },
    card: {
      title: `${target} · the evidence log, ${entries} entries`,
      parts: [
        line("Anybody can verify it with the public key: "),
        line({ code: `flightdeck evidence verify ${name} --key ${target}.vkey` }),
      ],
      actions: [],
    },
  };
}

type Work<T> = (tx: Transaction, now: Date) => Promise<T>;

function tooLarge(target: string, directory: string): Drawing["card"] {
  return {
    title: `${target} · the evidence log is too large for the chat`,
    parts: [line("Its files are on the machine of the bot: ", { code: directory })],
    actions: [],
  };
}
