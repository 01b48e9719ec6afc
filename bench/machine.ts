import { readFileSync } from "node:fs";
import { availableParallelism, release, totalmem, type } from "node:os";

const GIBIBYTE = 2 ** 30;

/** The machine in plain words, without which no number means anything. */
export function describeMachine(): string {
  const memoryGiB = Math.round(totalmem() / GIBIBYTE);
  return `${availableParallelism()} cores, ${memoryGiB} GiB, ${system()}, Node ${process.versions.node}`;
}

function system(): string {
  const kernel = `${type()} ${release()}`;
  try {
    const [, name] =
      /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync("/etc/os-release", "utf8")) ?? [];
    return name ?? kernel;
  } catch {
    return kernel;
  }
}
