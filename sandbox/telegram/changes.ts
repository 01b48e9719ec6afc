/** Tells who listens that something in the sandbox's Telegram changed; what, they look up themselves. */
export type Changes = {
  readonly announce: () => void;
  readonly onChange: (listener: () => void) => () => void;
};

export function createChanges(): Changes {
  const listeners = new Set<() => void>();
  return {
    announce: () => {
      for (const listener of listeners) listener();
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Looks again after every change until `look` finds something; no polling, and a deadline. */
export async function waitForChange<T>(
  changes: Pick<Changes, "onChange">,
  look: () => T | undefined,
  options: { readonly timeoutMs: number; readonly describe: () => string },
): Promise<T> {
  const found = look();
  if (found !== undefined) return found;
  return await new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      stop();
      reject(
        new Error(`Nothing came within ${options.timeoutMs} ms. Last seen: ${options.describe()}`),
      );
    }, options.timeoutMs);
    const stop = changes.onChange(() => {
      try {
        const found = look();
        if (found === undefined) return;
        resolve(found);
      } catch (error) {
        reject(new Error("The condition that was waited for threw", { cause: error }));
      }
      clearTimeout(timer);
      stop();
    });
  });
}
