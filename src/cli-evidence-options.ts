import type { CommandLine } from "./core/command-line.ts";
import { nearest } from "./core/nearest.ts";

export const VERIFY_USAGE = `flightdeck evidence verify FILE… --key KEYFILE|VKEY [--chat EXPORT] [--git PATH|REF] [--db] [--prove N] [--json]

FILE is a file of the log, or the folder that holds log.md; several files are parts of one log, in any order.
--key    the public key, or a file with one on each line, the newest last
--chat   a chat exported by Telegram Desktop as JSON, or any text with checkpoints in it
--git    a repository, a file in it is not needed: PATH, PATH#REF, or a REF of the one here
--db     compares with the database of the configuration as well
--prove  prints the proof that entry N is in the log, for somebody who has the checkpoint alone

0 sound · 1 tampered · 2 incomplete · 3 usage or key
`;

const FLAGS = ["key", "chat", "git", "db", "prove"];

export type EvidenceVerifyOptions = {
  readonly files: readonly [string, ...string[]];
  readonly key: string;
  readonly chat: string | undefined;
  readonly git: string | undefined;
  readonly withDatabase: boolean;
  readonly prove: number | undefined;
};

export type UnderstoodVerify =
  | { readonly ok: true; readonly options: EvidenceVerifyOptions }
  | { readonly ok: false; readonly message: string };

/** Whether `evidence verify` names what lies in files, which needs neither storage nor configuration. */
export function isOffline({ name, words, flags }: CommandLine): boolean {
  const isVerify = name === "evidence" && words[0] === "verify";
  return isVerify && (words.length > 1 || Object.keys(flags).length > 0);
}

export function understandVerify({ words, flags }: CommandLine): UnderstoodVerify {
  const refused = (message: string): UnderstoodVerify => ({ ok: false, message });
  const stray = Object.keys(flags).find((flag) => !FLAGS.includes(flag));
  if (stray !== undefined) {
    const meant = nearest(stray, FLAGS);
    return refused(
      `There is no option --${stray}${meant === undefined ? "." : `; did you mean --${meant}?`}`,
    );
  }
  const { key = "", chat, git, db, prove } = flags;
  const empty = Object.entries(flags).find(([flag, value]) => flag !== "db" && value === "");
  if (empty) return refused(`--${empty[0]} lacks its value.`);
  // A flag that takes no value leaves the word behind it to be a file.
  const [first, ...further] = [...words.slice(1), ...(db ? [db] : [])];
  if (first === undefined) return refused("Which file? Name log.md, or the folder that holds it.");
  if (key === "") return refused("Without --key nobody knows whose signatures are to be believed.");
  if (prove !== undefined && !/^[1-9]\d{0,14}$/.test(prove)) {
    return refused(`--prove takes the number of an entry, not "${prove}".`);
  }
  if (prove !== undefined && db !== undefined) {
    return refused("--prove proves by the files and the key alone; leave --db out.");
  }
  return {
    ok: true,
    options: {
      files: [first, ...further],
      key,
      chat,
      git,
      withDatabase: db !== undefined,
      prove: prove === undefined ? undefined : Number(prove),
    },
  };
}
