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
