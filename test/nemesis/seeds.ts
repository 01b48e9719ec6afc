/** Seeds that have shown something, and what it was; all are run again in the long run. */
export const SEEDS: readonly { readonly seed: number; readonly showed: string }[] = [];
