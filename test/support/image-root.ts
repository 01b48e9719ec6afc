import { execFile, spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, cp, mkdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname, join, posix, relative } from "node:path";
import { promisify } from "node:util";

import { isInContext, pairsOf, parseDockerfile, type Instruction } from "./dockerfile.ts";

const run = promisify(execFile);
const project = join(import.meta.dirname, "../..");
const DEBOOTSTRAP = "/usr/sbin/debootstrap";
const UNSHARE = "/usr/bin/unshare";
const NSENTER = "/usr/bin/nsenter";
const SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024;

/** What stands in the way of a build here; undefined when there is nothing. */
export function missingForBuild(): string | undefined {
  if (process.platform !== "linux" || userInfo().uid !== 0) return "needs root on Linux";
  if (!existsSync(DEBOOTSTRAP)) return "needs debootstrap";
  return process.env["LONG"] ? undefined : "only under LONG";
}

/** The root of the image's file system, and what the image says of how it is run. */
export type BuiltImage = {
  readonly root: string;
  readonly user: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly health: readonly string[];
};

/**
 * Does what an engine does with our Dockerfile, with nothing but a bare Debian: each step in a root of its own, in the
 * order of the file. The base is Debian of the same release with this very Node and npm.
 */
export async function buildImage(folder: string): Promise<BuiltImage> {
  const stages = parseDockerfile(await readFile(join(project, "Dockerfile"), "utf8"));
  const rules = await readFile(join(project, ".dockerignore"), "utf8");
  const bare = join(folder, "bare");
  await makeBase(bare);
  const roots = new Map<string, string>();
  let built: BuiltImage | undefined;
  for (const [index, { base, name, instructions }] of stages.entries()) {
    if (!base.includes("bookworm")) throw new Error(`${base} is not the base that is made here.`);
    const root = join(folder, `stage-${index}`);
    await run("cp", ["-a", bare, root]);
    if (name !== undefined) roots.set(name, root);
    built = await buildStage(root, instructions, { roots, rules });
  }
  if (!built) throw new Error("The Dockerfile has no stage.");
  return built;
}

type Around = { readonly roots: ReadonlyMap<string, string>; readonly rules: string };

async function buildStage(
  root: string,
  instructions: readonly Instruction[],
  around: Around,
): Promise<BuiltImage> {
  let directory = "/";
  let user = "0:0";
  const environment: Record<string, string> = { PATH: SEARCH_PATH };
  const said: {
    entrypoint: readonly string[];
    command: readonly string[];
    health: readonly string[];
  } = { entrypoint: [], command: [], health: [] };
  // An argument is a variable of the steps behind it, and of nothing that is started later.
  const given: Record<string, string> = {};
  for (const instruction of instructions) {
    const { name, text, words = [] } = instruction;
    switch (name) {
      case "WORKDIR":
        directory = posix.resolve(directory, text);
        await mkdir(join(root, directory), { recursive: true });
        break;
      case "COPY":
        await copy(root, directory, instruction, around);
        break;
      case "RUN":
        await runInside(root, directory, { ...environment, ...given }, text);
        break;
      case "ARG":
        Object.assign(given, Object.fromEntries(pairsOf(instruction)));
        break;
      case "ENV":
        Object.assign(environment, Object.fromEntries(pairsOf(instruction)));
        break;
      case "USER":
        user = text;
        break;
      case "ENTRYPOINT":
        said.entrypoint = words;
        break;
      case "CMD":
        said.command = words;
        break;
      case "HEALTHCHECK":
        said.health = words;
        break;
      default:
    }
  }
  return { root, user, environment, directory, ...said };
}

async function copy(
  root: string,
  directory: string,
  { text, flags }: Instruction,
  { roots, rules }: Around,
): Promise<void> {
  const words = text.split(/\s+/);
  const destination = words.pop() ?? "";
  const stage = flags["from"];
  const from = stage === undefined ? project : roots.get(stage);
  if (from === undefined) throw new Error(`COPY --from=${stage}: there is no such stage.`);
  const to = join(root, posix.resolve(directory, destination));
  for (const word of words) {
    const source = join(from, word);
    await cp(source, destination.endsWith("/") ? join(to, posix.basename(word)) : to, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => stage !== undefined || isInContext(rules, relative(project, path)),
    });
  }
}

/** The mounts are those of this one command, and gone with it. */
const INSIDE = `
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
exec chroot "$1" /usr/bin/env -i "\${@:4}" /bin/sh -c 'cd "$0" && eval "$1"' "$2" "$3"`;

async function runInside(
  root: string,
  directory: string,
  environment: Readonly<Record<string, string>>,
  script: string,
): Promise<void> {
  const variables = { HOME: "/root", ...(await trustOf()), ...environment };
  const words = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  const args = ["--mount", "--propagation=private", "bash", "--norc", "-ec", INSIDE, "inside"];
  await run(UNSHARE, [...args, root, directory, script, ...words], {
    env: { PATH: SEARCH_PATH },
    maxBuffer: OUTPUT_LIMIT_BYTES,
  });
}

/** Debian as its images are, with Node and npm where the image of Node has them. */
async function makeBase(root: string): Promise<void> {
  const include = "--include=ca-certificates";
  await run(DEBOOTSTRAP, ["--variant=minbase", include, "bookworm", root], {
    env: { PATH: SEARCH_PATH },
    maxBuffer: OUTPUT_LIMIT_BYTES,
  });
  await mkdir(join(root, "usr/local/bin"), { recursive: true });
  await cp(process.execPath, join(root, "usr/local/bin/node"));
  const npm = dirname(dirname(await realpath(await findNpm())));
  await cp(npm, join(root, "usr/local/lib/node_modules/npm"), { recursive: true });
  await run("ln", [
    "-s",
    "../lib/node_modules/npm/bin/npm-cli.js",
    join(root, "usr/local/bin/npm"),
  ]);
  // As in every image of Debian: packages start nothing.
  const policy = join(root, "usr/sbin/policy-rc.d");
  await writeFile(policy, "#!/bin/sh\nexit 101\n");
  await chmod(policy, 0o755);
  await takeOverMirrors(root);
}

async function findNpm(): Promise<string> {
  const { stdout } = await run("bash", ["-c", "type -aP npm"]);
  const own = join(project, "node_modules");
  const found = stdout.split("\n").find((path) => path !== "" && !path.startsWith(own));
  if (found === undefined) throw new Error("There is no npm on PATH.");
  return found;
}

/** Where this machine gets its packages from is where the build gets its own. */
async function takeOverMirrors(root: string): Promise<void> {
  const places: (readonly [string, string])[] = [
    ["/etc/resolv.conf", "etc/resolv.conf"],
    ["/etc/hosts", "etc/hosts"],
    ["/etc/apt/apt.conf.d", "etc/apt/apt.conf.d"],
    ["/etc/ssl/certs/ca-certificates.crt", "etc/ssl/certs/ca-certificates.crt"],
  ];
  const release = await readFile("/etc/os-release", "utf8");
  if (release.includes("VERSION_CODENAME=bookworm")) {
    places.push(
      ["/etc/apt/sources.list", "etc/apt/sources.list"],
      ["/etc/apt/sources.list.d/debian.sources", "etc/apt/sources.list.d/debian.sources"],
    );
    if (existsSync("/etc/apt/sources.list.d/debian.sources")) {
      await rm(join(root, "etc/apt/sources.list"), { force: true });
    }
  }
  for (const [key, to] of [
    ["globalconfig", "usr/local/etc/npmrc"],
    ["userconfig", "root/.npmrc"],
  ] as const) {
    const { stdout } = await run(await findNpm(), ["config", "get", key], { cwd: "/" });
    places.push([stdout.trim(), to]);
  }
  for (const [from, to] of places) {
    if (existsSync(from)) await cp(from, join(root, to), { recursive: true, dereference: true });
  }
}

/** A machine behind a proxy that opens what is encrypted has its own authority, and Node has to be told. */
async function trustOf(): Promise<Readonly<Record<string, string>>> {
  const variables = [
    "NODE_EXTRA_CA_CERTS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
  ];
  return Object.fromEntries(
    variables.flatMap((name) => {
      const value = process.env[name];
      if (value === undefined) return [];
      return [
        [name, name === "NODE_EXTRA_CA_CERTS" ? "/etc/ssl/certs/ca-certificates.crt" : value],
      ];
    }),
  );
}

/** Folders of this machine by where the container has them. */
export type Mounts = {
  readonly volumes: Readonly<Record<string, string>>;
  readonly readOnly: Readonly<Record<string, string>>;
};

export type Container = AsyncDisposable & {
  said(): string;
  /** The bytes of standard output alone. */
  output(): Buffer;
  readonly exited: Promise<number | NodeJS.Signals | null>;
  /** To the first process, as an engine sends it. */
  signal(signal: NodeJS.Signals): Promise<void>;
  /** Another process in the same container. */
  exec(words: readonly string[]): Promise<Container>;
};

const WITHOUT_RIGHTS = [
  "--clear-groups",
  "--bounding-set=-all",
  "--inh-caps=-all",
  "--no-new-privs",
  "--",
];

/** $1 the root, $2 the folder, $3 the user, then how many mounts are meant, the mounts, and the command. */
const CONTAIN = `
root=$1 directory=$2 user=$3 count=$4
shift 4
mount --bind "$root" "$root"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o size=256m tmpfs "$root/dev/shm"
mount -t tmpfs -o size=256m,mode=1777,nosuid,nodev,noexec tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
while ((count-- > 0)); do
  mount --bind "$1" "$root$2"
  [[ $3 == rw ]] || mount -o "remount,bind,ro" "$root$2"
  shift 3
done
mount -o remount,bind,ro "$root"
exec chroot "$root" /usr/bin/setpriv --reuid="\${user%:*}" --regid="\${user#*:}" \\
  ${WITHOUT_RIGHTS.join(" ")} /usr/bin/env --chdir="$directory" "$@"`;

/** Starts the image as compose.yaml does: its own user without any right, a root that nobody can write to, a namespace of pids. */
export function runContainer(
  image: BuiltImage,
  words: readonly string[],
  { volumes, readOnly }: Mounts,
  more: {
    readonly environment?: Readonly<Record<string, string>>;
    readonly input?: Buffer;
  } = {},
): Container {
  const mounts = [
    ...Object.entries(volumes).flatMap(([target, source]) => [source, target, "rw"]),
    ...Object.entries(readOnly).flatMap(([target, source]) => [source, target, "ro"]),
  ];
  const namespaces = ["--mount", "--propagation=private", "--pid", "--fork"];
  const place = [image.root, image.directory, image.user, String(mounts.length / 3)];
  const args = [
    ...namespaces,
    "bash",
    "--norc",
    "-ec",
    CONTAIN,
    "contain",
    ...place,
    ...mounts,
    ...words,
  ];
  const child = spawn(UNSHARE, args, {
    env: { HOME: "/data", ...image.environment, ...more.environment },
    stdio: "pipe",
  });
  child.stdin.on("error", () => {});
  child.stdin.end(more.input ?? "");
  return containerOf(image, child);
}

function containerOf(image: BuiltImage, child: ChildProcess): Container {
  let said = "";
  const chunks: Buffer[] = [];
  child.stdout?.on("data", (data: Buffer) => {
    chunks.push(data);
    said += data.toString();
  });
  child.stderr?.on("data", (data: Buffer) => (said += data.toString()));
  const exited = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.once("close", (code, signal) => resolve(signal ?? code)),
  );
  const first = async (): Promise<number> => {
    const path = `/proc/${child.pid}/task/${child.pid}/children`;
    const children = await readFile(path, "utf8").catch(() => "");
    return Number(children.trim().split(" ")[0]);
  };
  const signal = async (name: NodeJS.Signals): Promise<void> => {
    const pid = await first();
    if (pid > 0) process.kill(pid, name);
  };
  return {
    said: () => said,
    output: () => Buffer.concat(chunks),
    exited,
    signal,
    async exec(words) {
      const [uid = "", gid = ""] = image.user.split(":");
      const inside = [`--target=${await first()}`, "--mount", "--pid", "--", "chroot", image.root];
      const nobody = ["/usr/bin/setpriv", `--reuid=${uid}`, `--regid=${gid}`, ...WITHOUT_RIGHTS];
      const args = [...inside, ...nobody, "/usr/bin/env", `--chdir=${image.directory}`, ...words];
      const env = { HOME: "/data", ...image.environment };
      return containerOf(image, spawn(NSENTER, args, { env, stdio: ["ignore", "pipe", "pipe"] }));
    },
    // With the first process its whole namespace goes.
    async [Symbol.asyncDispose]() {
      await signal("SIGKILL");
      child.kill("SIGKILL");
      await exited;
    },
  };
}
