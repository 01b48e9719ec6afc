import { hash } from "node:crypto";

/**
 * The tree of RFC 6962 over the hashes of entries, kept as its perfect subtrees, the largest first. It grows without the
 * leaves before, and being a plain record of hex strings it can be stored and gone on with.
 */
export type Tree = {
  readonly size: number;
  readonly subtrees: readonly string[];
};

export function emptyTree(): Tree {
  return { size: 0, subtrees: [] };
}

export function withLeaf(tree: Tree, leafHash: string): Tree {
  return withLeaves(tree, [leafHash]);
}

/** Adds the hashes of entries in their order. */
export function withLeaves(tree: Tree, leafHashes: Iterable<string>): Tree {
  let { size } = tree;
  const subtrees = [...tree.subtrees];
  for (const leafHash of leafHashes) {
    let grown = leafHash;
    // Each one at the end of the size in binary is a pair of equal subtrees that the new leaf completes.
    for (let rest = size; rest % 2 === 1; rest = (rest - 1) / 2) {
      grown = parentOf(subtrees.pop()!, grown);
    }
    subtrees.push(grown);
    size += 1;
  }
  return { size, subtrees };
}

/** The root in hex. */
export function rootOf({ subtrees }: Tree): string {
  if (subtrees.length === 0) return hash("sha256", "", "hex");
  return subtrees.reduceRight((right, left) => parentOf(left, right));
}

/** The hashes beside the way from a leaf up to the root, the lowest first: whoever has them needs no other entry. */
export function inclusionProof(leafHashes: readonly string[], index: number): readonly string[] {
  if (leafHashes.length <= 1) return [];
  const split = largestPowerOfTwoBelow(leafHashes.length);
  const [left, right] = [leafHashes.slice(0, split), leafHashes.slice(split)];
  return index < split
    ? [...inclusionProof(left, index), rootOfLeaves(right)]
    : [...inclusionProof(right, index - split), rootOfLeaves(left)];
}

/** The root that a proof leads to; undefined when a proof of that length does not fit the tree. */
export function rootByInclusion(proof: {
  readonly leafHash: string;
  readonly index: number;
  readonly size: number;
  readonly path: readonly string[];
}): string | undefined {
  const { leafHash, index, size, path } = proof;
  if (index < 0 || index >= size) return undefined;
  const sibling = path.at(-1);
  if (size === 1) return sibling === undefined ? leafHash : undefined;
  if (sibling === undefined) return undefined;
  const split = largestPowerOfTwoBelow(size);
  const inside =
    index < split ? { index, size: split } : { index: index - split, size: size - split };
  const below = rootByInclusion({ leafHash, ...inside, path: path.slice(0, -1) });
  if (below === undefined) return undefined;
  return index < split ? parentOf(below, sibling) : parentOf(sibling, below);
}

function rootOfLeaves(leafHashes: readonly string[]): string {
  return rootOf(withLeaves(emptyTree(), leafHashes));
}

function parentOf(left: string, right: string): string {
  return hash("sha256", Buffer.from(`01${left}${right}`, "hex"), "hex");
}

function largestPowerOfTwoBelow(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}
