import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { deflate } from "node:zlib";

/** What git keeps, named by the hash of what it is: the same content has the same name in every world. */
type GitObject = { readonly hash: string; readonly bytes: Buffer };

export type GitCommit = {
  readonly hash: string;
  readonly objects: readonly GitObject[];
};

const AUTHOR = "Mira Example <mira@example.com>";

/** A commit whose tree holds one file. */
export function gitCommit(options: {
  readonly subject: string;
  readonly at: Date;
  readonly parent?: string;
  readonly file: { readonly name: string; readonly text: string };
}): GitCommit {
  const { subject, at, parent, file } = options;
  const blob = gitObject("blob", Buffer.from(file.text));
  const entry = Buffer.concat([
    Buffer.from(`100644 ${file.name}\0`),
    Buffer.from(blob.hash, "hex"),
  ]);
  const tree = gitObject("tree", entry);
  const stamp = `${AUTHOR} ${at.getTime() / 1_000} +0000`;
  const lines = [
    `tree ${tree.hash}`,
    ...(parent === undefined ? [] : [`parent ${parent}`]),
    `author ${stamp}`,
    `committer ${stamp}`,
    "",
    subject,
    "",
  ];
  const commit = gitObject("commit", Buffer.from(lines.join("\n")));
  return { hash: commit.hash, objects: [blob, tree, commit] };
}

function gitObject(kind: "blob" | "tree" | "commit", content: Buffer): GitObject {
  const bytes = Buffer.concat([Buffer.from(`${kind} ${content.length}\0`), content]);
  return { hash: createHash("sha1").update(bytes).digest("hex"), bytes };
}

/** Writes a bare repository without asking git, which a machine with a sandbox need not have. */
export async function writeGitRepository(
  directory: string,
  commits: readonly GitCommit[],
): Promise<void> {
  await mkdir(join(directory, "refs", "heads"), { recursive: true });
  await writeFile(join(directory, "HEAD"), "ref: refs/heads/main\n");
  await writeFile(
    join(directory, "config"),
    "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n",
  );
  for (const { hash, bytes } of commits.flatMap(({ objects }) => objects)) {
    const folder = join(directory, "objects", hash.slice(0, 2));
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, hash.slice(2)), await promisify(deflate)(bytes));
  }
}
