import { readFile } from "node:fs/promises";

/** What a process holds in memory, in MiB, as the kernel counts it. It needs /proc, so it needs Linux. */
export async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch((cause: unknown) => {
    throw new Error(`The memory of process ${pid} cannot be read; this bench needs Linux.`, {
      cause,
    });
  });
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
  if (kibibytes === undefined) throw new Error(`/proc/${pid}/status holds no VmRSS.`);
  return Number(kibibytes) / 1_024;
}

/** What a process and all that it has started hold together; pages that several of them share are counted once. */
export async function familyMiB(pid: number): Promise<number> {
  const [own, children] = await Promise.all([proportionalMiB(pid), childrenOf(pid)]);
  const others = await Promise.all(children.map(familyMiB));
  return others.reduce((sum, one) => sum + one, own);
}

/** Nothing when it has ended meanwhile. */
async function proportionalMiB(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "");
  return Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) / 1_024;
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return text.split(" ").filter(Boolean).map(Number);
}
