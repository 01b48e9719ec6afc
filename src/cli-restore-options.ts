import type { CommandLine } from "./core/command-line.ts";
import { backupIdSchema } from "./core/manifest.ts";
import { nearest } from "./core/nearest.ts";

export const RESTORE_USAGE = `flightdeck restore FILE|BACKUP --to ADDRESS --identity KEYFILE

FILE       an artifact such as 20261123T030000Z.dump.zst.age, with its .manifest.json beside it if there is one
BACKUP     its name alone, such as 20261123T030000Z: it is fetched from the bucket of the configuration
--to       the empty database that takes it in: '\${env:NAME}' or '\${file:PATH}' with a PostgreSQL URL,
           or the URL itself when there is no password in it
--identity the file of the key that opens it: the one of the drills, or the one in the safe

It needs no database of Flightdeck's own, and for a FILE no configuration.
0 restored, and as it was counted · 1 nothing was restored, or it differs · 2 restored, and nobody can tell · 3 usage
`;

const FLAGS = ["to", "identity"];

export type RestoreOptions = {
  readonly from:
    | { readonly kind: "file"; readonly path: string }
    | { readonly kind: "backup"; readonly id: string };
  /** As it was typed: an address, or a reference to one. */
  readonly to: string;
  readonly identity: string;
};

export type UnderstoodRestore =
  | { readonly ok: true; readonly options: RestoreOptions }
  | { readonly ok: false; readonly message: string };

export function understandRestore({ words, flags }: CommandLine): UnderstoodRestore {
  const refused = (message: string): UnderstoodRestore => ({ ok: false, message });
  const stray = Object.keys(flags).find((flag) => !FLAGS.includes(flag));
  if (stray !== undefined) {
    const meant = nearest(stray, FLAGS);
    const hint = meant === undefined ? "." : `; did you mean --${meant}?`;
    return refused(`There is no option --${stray}${hint}`);
  }
  const [what, surplus] = words;
  const { to = "", identity = "" } = flags;
  if (what === undefined) return refused("Which backup? Name its file, or the backup.");
  if (surplus !== undefined) return refused(`"${surplus}" is one word too many.`);
  if (to === "") return refused("--to is missing: the database that takes it in.");
  if (identity === "") return refused("--identity is missing: the file of the key that opens it.");
  if (hasPassword(to)) {
    return refused(
      "Arguments are seen by everybody on this machine, and this address holds a password. " +
        "Put the address into a variable and give --to '${env:NAME}', or into a file and give --to '${file:PATH}'.",
    );
  }
  const isBackup = backupIdSchema.safeParse(what).success;
  const from = isBackup
    ? ({ kind: "backup", id: what } as const)
    : ({ kind: "file", path: what } as const);
  return { ok: true, options: { from, to, identity } };
}

function hasPassword(address: string): boolean {
  return /^[a-z+]+:\/\/[^/?#@]*:[^/?#]*@/i.test(address) || /[?&]password=/i.test(address);
}
