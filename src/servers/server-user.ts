import { execFile } from "node:child_process";
import { access, chmod, chown, constants, mkdir, readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname } from "node:path";
import { promisify } from "node:util";

import { findPrograms } from "./find-program.ts";
import { serverEnvironment } from "./machine.ts";
import { ServerError } from "./server-error.ts";

/** Whom a server runs as. Postgres refuses to be root, and Redis has no need to be. */
export type ServerUser = {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Puts the change of user in front of a command; nothing when we are not root. */
  as(command: string, args: readonly string[]): readonly [string, readonly string[]];
};

export async function serverUser(preferred: string): Promise<ServerUser> {
  const self = userInfo();
  if (self.uid !== 0) {
    return {
      name: self.username,
      uid: self.uid,
      gid: self.gid,
      as: (command, args) => [command, args],
    };
  }
  const accounts = await readFile("/etc/passwd", "utf8");
  const other = account(accounts, preferred) ?? account(accounts, "nobody");
  const [setpriv] = await findPrograms("setpriv");
  if (other === undefined || setpriv === undefined) {
    throw new ServerError(
      `As root, the server would run as the user ${preferred} by setpriv, and ${
        setpriv === undefined ? "setpriv is missing" : `neither ${preferred} nor nobody exists`
      }. Start Flightdeck as an ordinary user, or install it (Debian: apt-get install util-linux).`,
    );
  }
  return {
    ...other,
    as: (command, args) => [
      setpriv,
      [
        `--reuid=${other.uid}`,
        `--regid=${other.gid}`,
        "--clear-groups",
        "--no-new-privs",
        "--inh-caps=-all",
        "--",
        command,
        ...args,
      ],
    ],
  };
}

/** Makes a directory that only the server's user may enter, and proves that this user can reach it. */
export async function makeServerDirectory(directory: string, user: ServerUser): Promise<void> {
  await makePassage(dirname(directory));
  await mkdir(directory, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  await ownFile(directory, user);
  await chmod(directory, 0o700);
  if (await canEnter(directory, user)) return;
  const closed = await outermostClosed(directory, user);
  throw new ServerError(
    `The server runs as the user ${user.name}, who cannot enter ${closed} on the way to ${directory}. ` +
      `Allow passage (chmod o+x ${closed}), or use a directory that ${user.name} can reach.`,
  );
}

export async function ownFile(file: string, user: ServerUser): Promise<void> {
  if (userInfo().uid === 0) await chown(file, user.uid, user.gid);
}

/** What we make on the way may be passed through and not listed, whatever the umask: the server is another user. */
async function makePassage(directory: string): Promise<void> {
  const outermost = await mkdir(directory, { recursive: true, mode: 0o711 });
  if (outermost === undefined || userInfo().uid !== 0) return;
  let made = directory;
  while (made.length >= outermost.length) {
    await chmod(made, 0o711);
    made = dirname(made);
  }
}

async function canEnter(directory: string, user: ServerUser): Promise<boolean> {
  if (userInfo().uid !== 0) {
    return await access(directory, constants.X_OK | constants.W_OK).then(
      () => true,
      () => false,
    );
  }
  const [command, args] = user.as("/bin/sh", ["-c", 'cd "$1"', "sh", directory]);
  return await promisify(execFile)(command, [...args], { env: serverEnvironment, cwd: "/" }).then(
    () => true,
    () => false,
  );
}

async function outermostClosed(directory: string, user: ServerUser): Promise<string> {
  const parent = dirname(directory);
  if (parent === directory || (await canEnter(parent, user))) return directory;
  return await outermostClosed(parent, user);
}

function account(
  accounts: string,
  name: string,
): Pick<ServerUser, "name" | "uid" | "gid"> | undefined {
  const fields = accounts
    .split("\n")
    .map((line) => line.split(":"))
    .find(([first]) => first === name);
  return fields === undefined
    ? undefined
    : { name, uid: Number(fields[2]), gid: Number(fields[3]) };
}
