import { parseCheckpoint, type Checkpoint } from "./checkpoint.ts";

/** What a note says, whoever signed it; undefined when it is no checkpoint. */
export function checkpointIn(note: string): Checkpoint | undefined {
  return parseCheckpoint(note.slice(0, note.lastIndexOf("\n\n") + 1));
}
