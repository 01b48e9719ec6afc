/** Chances that come again with the same seed. */
export type SeededRandom = {
  /** At least 0 and less than 1. */
  number(): number;
  /** A whole number of at least `from` and at most `to`. */
  whole(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<Item>(items: readonly Item[]): Item;
  /** Chances of their own, so that what one asks does not shift what another gets. */
  branch(name: string): SeededRandom;
};

export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  // Mulberry32: small, and even enough to choose by.
  const number = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const whole = (from: number, to: number): number => from + Math.floor(number() * (to - from + 1));
  return {
    number,
    whole,
    chance: (probability) => number() < probability,
    pick: (items) => {
      const item = items[whole(0, items.length - 1)];
      if (item === undefined) throw new Error("There is nothing to pick from.");
      return item;
    },
    branch: (name) => seededRandom(hash(name, seed)),
  };
}

/** FNV-1a over the name, begun at the seed. */
function hash(name: string, seed: number): number {
  return Buffer.from(name).reduce(
    (sum, byte) => Math.imul(sum ^ byte, 0x01000193) >>> 0,
    (0x811c9dc5 ^ seed) >>> 0,
  );
}
