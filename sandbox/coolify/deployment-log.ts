import type { DeploymentRow } from "./rows.ts";

type Entry = {
  readonly output: string;
  readonly command?: string;
  readonly type?: "stdout" | "stderr";
};

type WrittenEntry = {
  readonly command: string | null;
  readonly output: string;
  readonly type: "stdout" | "stderr";
  readonly timestamp: string;
  readonly hidden: boolean;
  readonly batch: number;
  readonly order: number;
};

/** What people are shown of a deployment. */
export function tell(row: DeploymentRow, at: Date, ...lines: readonly string[]): void {
  for (const output of lines) write(row, at, { output }, false);
}

/** Commands with their output, which nobody is shown: credentials stand in them. */
export function note(row: DeploymentRow, at: Date, command: string, output: string): void {
  write(row, at, { command, output }, true);
}

export function complain(row: DeploymentRow, at: Date, ...lines: readonly string[]): void {
  for (const output of lines) write(row, at, { output, type: "stderr" }, false);
}

/** The list is kept as a text, and every entry is put behind the others. */
function write(row: DeploymentRow, at: Date, entry: Entry, hidden: boolean): void {
  const entries = JSON.parse(row.logs ?? "[]") as readonly WrittenEntry[];
  const written: WrittenEntry = {
    command: entry.command ?? null,
    output: entry.output,
    type: entry.type ?? "stdout",
    timestamp: at.toISOString(),
    hidden,
    batch: 1,
    order: entries.length + 1,
  };
  row.logs = JSON.stringify([...entries, written]);
}
