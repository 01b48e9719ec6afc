import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

import { startChildPipe } from "./child-pipe.ts";
import type { DumpPrograms } from "./dump-programs.ts";

/**
 * Reads a packed dump from its first byte to its last as `pg_restore` would, and counts what it lists. The list alone
 * proves nothing: it stands at the beginning, so a dump that was cut lists everything.
 */
export async function parseArchive(
  packed: AsyncIterable<Uint8Array>,
  programs: Pick<DumpPrograms, "zstd" | "pgRestore">,
  signal: AbortSignal,
): Promise<{ readonly listed: number }> {
  const unpack = { name: "zstd", program: programs.zstd, args: ["-q", "--decompress", "--stdout"] };
  const restore = { name: "pg_restore", program: programs.pgRestore };
  const scrub = (text: string): string => text;
  await using working = new AsyncDisposableStack();
  const parsing = working.use(
    await startChildPipe([unpack, { ...restore, args: ["--file=/dev/null"] }], {
      input: "pipe",
      output: "ignore",
      scrub,
    }),
  );
  const listing = working.use(
    await startChildPipe([unpack, { ...restore, args: ["--list"] }], {
      input: "pipe",
      output: "pipe",
      scrub,
    }),
  );
  if (!parsing.input || !listing.input || !listing.output) {
    throw new TypeError("What was asked to be a pipe is one.");
  }
  const list = lines(listing.output);
  // It has read enough when its list is complete, and what follows is no longer wanted there.
  const [full, head] = [parsing.input, listing.input];
  for await (const chunk of packed) {
    signal.throwIfAborted();
    if (!(await given(full, chunk))) break;
    if (head.writable) await given(head, chunk);
  }
  signal.throwIfAborted();
  full.end();
  head.end();
  await parsing.ended;
  const listed = (await list).filter((line) => /^\d+; /.test(line)).length;
  return { listed };
}

/** Waits until there is room for more. False: nobody reads any more. */
async function given(sink: Writable, chunk: Uint8Array): Promise<boolean> {
  if (!sink.writable) return false;
  if (sink.write(chunk)) return true;
  const settled = new AbortController();
  try {
    await Promise.race(
      ["drain", "close"].map(async (event) => once(sink, event, { signal: settled.signal })),
    ).catch(() => {});
  } finally {
    settled.abort();
  }
  return sink.writable;
}

async function lines(output: Readable): Promise<readonly string[]> {
  let text = "";
  output.setEncoding("utf8");
  for await (const chunk of output as AsyncIterable<string>) text += chunk;
  return text.split("\n");
}
