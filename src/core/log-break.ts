import { tampered, type Finding } from "./log-finding.ts";

/** An entry as far as its place is concerned. */
export type PlacedEntry = {
  readonly seq: number;
  readonly hash: string;
  readonly prev: string;
  readonly log: string;
};

/**
 * Names what broke the chain, from the whole log: which entry should have come, which one came, and whether either
 * stands somewhere else.
 */
export function nameTheBreak(
  broken: Finding,
  log: {
    readonly origin: string;
    /** What the first entry of all that was given continues. */
    readonly start: { readonly seq: number; readonly hash: string };
    /** The size that a signed checkpoint vouches for, of the part that is sound. */
    readonly vouchedFor: number;
    readonly before: readonly PlacedEntry[];
    /** The entry at which the chain broke, and what follows it. */
    readonly behind: readonly PlacedEntry[];
  },
): Finding {
  const [found, ...later] = log.behind;
  if (!found || found.log !== log.origin) return broken;
  const { seq: size, hash: head } = log.before.at(-1) ?? log.start;
  const name = (kind: Parameters<typeof tampered>[0], message: string): Finding => {
    const { expected = "", found: shown = "" } = broken;
    const seq = String(Math.min(found.seq, size + 1));
    return tampered(kind, { ...broken.at, seq }, message, { expected, found: shown });
  };

  const successor = later.some((entry) => entry.seq === size + 1 && entry.prev === head);
  const twin = log.before.find((entry) => entry.seq === found.seq);
  if (twin?.hash === found.hash) {
    return name("doubled", `#${found.seq} stands here for a second time.`);
  }
  if (found.seq > size + 1) {
    if (!successor) {
      const missing =
        found.seq - size > 2 ? `#${size + 1} to #${found.seq - 1} are` : `#${size + 1} is`;
      return name("cut", `${missing} missing: removed in front of #${found.seq}.`);
    }
    return later.some((entry) => entry.hash === found.hash)
      ? name("doubled", `#${found.seq} stands here, and at its own place as well.`)
      : name("moved", `#${found.seq} stands in front of #${size + 1}: the order was changed.`);
  }
  if (found.seq === size + 1) {
    return successor
      ? name(
          "inserted",
          `A #${found.seq} that is none stands in front of the one that continues #${size}.`,
        )
      : name(
          "replaced",
          `#${found.seq} continues another #${size} than the one that stands in front of it: one of them was replaced.`,
        );
  }
  const root = [log.start, ...log.before].find((entry) => entry.seq === found.seq - 1);
  if (found.prev !== root?.hash) {
    return name("inserted", `A #${found.seq} that continues nothing stands behind #${size}.`);
  }
  if (size === found.seq && log.vouchedFor < size) {
    return name(
      "inserted",
      `There are two different #${found.seq}; the log goes on from the second, so the first was inserted.`,
    );
  }
  return name(
    "forked",
    `Behind #${size} the log goes on from #${found.seq - 1} with other entries: ` +
      "it was continued from an old backup of the database.",
  );
}
