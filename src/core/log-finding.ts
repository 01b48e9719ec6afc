/** Where something was found. */
export type FoundAt = {
  /** The file, or what stands in its place. */
  readonly part: string;
  /** In bytes from the part's beginning; none when it is no matter of a file. */
  readonly offset?: number | undefined;
  /** The number of the first entry that is concerned. */
  readonly seq?: string | undefined;
};

/**
 * How a log was changed: the bytes of a block (edited, converted), which blocks there are and in what order (cut, moved,
 * doubled, inserted), whose they are (foreign), what they continue (forked: an older state of the log; replaced: an
 * entry that stands here no more), what was signed (rewritten, forged), and what it says (contradictory). A chain that is
 * broken has a cause among these, which only a look at all of the log can name.
 */
export type Tampering =
  | "broken"
  | "edited"
  | "converted"
  | "cut"
  | "moved"
  | "doubled"
  | "inserted"
  | "foreign"
  | "forked"
  | "replaced"
  | "rewritten"
  | "forged"
  | "contradictory";

/** What keeps a log from being judged whole although nothing speaks against it. */
export type Gap =
  /** The last write was cut short. */
  | "torn"
  /** The database holds more than was written here yet. */
  | "lagging"
  /** Something was begun and its outcome is not recorded yet. */
  | "open"
  /** Earlier parts of the log were not given. */
  | "partial"
  /** What it should be compared with says nothing about this log. */
  | "uncompared";

export type Finding = {
  readonly at: FoundAt;
  readonly message: string;
  readonly expected?: string | undefined;
  readonly found?: string | undefined;
} & (
  | { readonly class: "tampered"; readonly kind: Tampering }
  | { readonly class: "incomplete"; readonly kind: Gap }
  /** Signed by a key that nobody gave us, so nothing is said about it. */
  | { readonly class: "key"; readonly kind: "unknown-key" }
);

export function tampered(
  kind: Tampering,
  at: FoundAt,
  message: string,
  difference: { readonly expected?: string; readonly found?: string } = {},
): Finding {
  return { class: "tampered", kind, at, message, ...difference };
}

export function incomplete(kind: Gap, at: FoundAt, message: string): Finding {
  return { class: "incomplete", kind, at, message };
}
