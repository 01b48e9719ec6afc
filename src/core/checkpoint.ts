/** What is signed of a log: that its first `size` entries are those, and no others, that `root` is made of. */
export type Checkpoint = {
  readonly origin: string;
  readonly size: number;
  /** Hex. */
  readonly root: string;
};

/** The text of a C2SP checkpoint: origin, size and root in base64, a line each. */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${Buffer.from(root, "hex").toString("base64")}\n`;
}

/** Reads such a text; undefined when it is none. Lines beyond the three are never ours, so they are refused. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  const [, origin, digits, encoded] = /^(.+)\n(0|[1-9]\d{0,15})\n(\S+)\n$/.exec(text) ?? [];
  if (origin === undefined || digits === undefined || encoded === undefined) return undefined;
  const checkpoint = {
    origin,
    size: Number(digits),
    root: Buffer.from(encoded, "base64").toString("hex"),
  };
  const isOurs = checkpoint.root.length === 64 && checkpointText(checkpoint) === text;
  return isOurs && Number.isSafeInteger(checkpoint.size) ? checkpoint : undefined;
}
