/** Lets so many through at a time; the others wait in order. */
export type Turnstile = {
  through<Result>(work: () => Promise<Result>): Promise<Result>;
};

export function createTurnstile(capacity: number): Turnstile {
  const waiting: (() => void)[] = [];
  let inside = 0;
  return {
    async through(work) {
      if (inside >= capacity) await new Promise<void>((enter) => waiting.push(enter));
      else inside += 1;
      try {
        return await work();
      } finally {
        // Whoever waits takes over the place, so that nobody can slip in between.
        const next = waiting.shift();
        if (next) next();
        else inside -= 1;
      }
    },
  };
}
