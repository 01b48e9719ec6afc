import { distance } from "fastest-levenshtein";

/** The candidate that was probably meant, or undefined when nothing is near enough to suggest. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const wanted = word.slice(0, 64).toLowerCase();
  let best: { readonly candidate: string; readonly distance: number } | undefined;
  for (const candidate of candidates) {
    const away = distance(wanted, candidate.toLowerCase());
    if (best === undefined || away < best.distance) best = { candidate, distance: away };
  }
  if (best !== undefined && best.distance <= tolerance(wanted, best.candidate)) {
    return best.candidate;
  }
  // People type the telling part of a long name: `ready` for `api-is-ready`.
  const containing = candidates.filter((candidate) => candidate.toLowerCase().includes(wanted));
  return wanted.length >= 3 && containing.length === 1 ? containing[0] : undefined;
}

/** One slip in a short word, a third of a longer one. */
function tolerance(word: string, candidate: string): number {
  return Math.max(1, Math.floor(Math.min(word.length, candidate.length) / 3));
}
