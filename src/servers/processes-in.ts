import { execFile } from "node:child_process";
import { readFile, readdir, readlink } from "node:fs/promises";
import { platform } from "node:os";
import { kill } from "node:process";
import { promisify } from "node:util";

export type ProcessInFolder = { readonly pid: number; readonly name: string };

/** Processes whose working directory lies in a folder, also when the folder is gone by now: our servers work in their data. */
export async function processesIn(folder: string): Promise<readonly ProcessInFolder[]> {
  const all = platform() === "linux" ? await fromProc() : await fromLsof();
  return all
    .filter(({ directory }) => directory === folder || directory.startsWith(`${folder}/`))
    .map(({ pid, name }) => ({ pid, name }));
}

/** Ends what still works in a folder that is to be removed. */
export async function endProcessesIn(folder: string): Promise<void> {
  for (const { pid } of await processesIn(folder)) {
    try {
      kill(pid, "SIGKILL");
    } catch {
      // It was quicker.
    }
  }
}

type Working = ProcessInFolder & { readonly directory: string };

async function fromProc(): Promise<readonly Working[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid): Promise<readonly Working[]> => {
      try {
        // The kernel says behind the name of a folder that it was removed.
        const directory = (await readlink(`/proc/${pid}/cwd`)).replace(/ \(deleted\)$/, "");
        const name = (await readFile(`/proc/${pid}/comm`, "utf8")).trim();
        return [{ pid: Number(pid), name, directory }];
      } catch {
        // Gone, or not ours to look into.
        return [];
      }
    }),
  );
  return found.flat();
}

async function fromLsof(): Promise<readonly Working[]> {
  const { stdout } = await promisify(execFile)("lsof", ["-d", "cwd", "-F", "pcn"], {
    timeout: 10_000,
    maxBuffer: 16 * 1024 * 1024,
  }).catch((error: unknown) => ({ stdout: (error as { stdout?: string }).stdout ?? "" }));
  const found: Working[] = [];
  let pid = 0;
  let name = "";
  for (const line of stdout.split("\n")) {
    if (line.startsWith("p")) pid = Number(line.slice(1));
    if (line.startsWith("c")) name = line.slice(1);
    if (line.startsWith("n")) found.push({ pid, name, directory: line.slice(1) });
  }
  return found;
}
