import type { Json } from "../../core/json.ts";

const SPACING_MS = 3_000;

export type ProgressReporter = {
  readonly report: (progress: Json) => void;
  /** Waits for a save under way; what was not saved yet is dropped, for the result is about to replace it. */
  close(): Promise<void>;
};

/** Saves the newest progress at most every 3 s. Progress is a courtesy: a save that fails is left to the next one. */
export function createProgressReporter(save: (progress: Json) => Promise<void>): ProgressReporter {
  let newest: Json | undefined;
  let timer: NodeJS.Timeout | undefined;
  let saving: Promise<void> = Promise.resolve();
  let closed = false;

  function flush(): void {
    timer = undefined;
    if (newest === undefined) return;
    const progress = newest;
    newest = undefined;
    saving = saving.then(async () => save(progress)).catch(() => {});
  }

  return {
    report(progress) {
      // Work that was given up may still report.
      if (closed) return;
      newest = progress;
      timer ??= setTimeout(flush, SPACING_MS);
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      newest = undefined;
      await saving;
    },
  };
}
