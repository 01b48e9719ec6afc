import { createHash } from "node:crypto";

import { describe, expect, test } from "vitest";

import {
  emptyTree,
  inclusionProof,
  rootByInclusion,
  rootOf,
  withLeaf,
  withLeaves,
} from "./merkle.ts";

/** The leaves of the test vectors of Certificate Transparency, and the roots over the first one, two and so on. */
const LEAVES = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
].map((hex) => sha256(Buffer.from(`00${hex}`, "hex")));
const ROOTS = [
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/** The definition of RFC 6962, section 2.1, word by word. */
function rootByDefinition(leaves: readonly string[]): string {
  const [first] = leaves;
  if (first === undefined) return sha256(Buffer.alloc(0));
  if (leaves.length === 1) return first;
  const split = 2 ** Math.floor(Math.log2(leaves.length - 1));
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)].map(rootByDefinition);
  return sha256(Buffer.from(`01${left}${right}`, "hex"));
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function leavesUpTo(count: number): string[] {
  return Array.from({ length: count }, (_, index) => sha256(Buffer.from(`leaf ${index}`)));
}

describe("the root of a tree", () => {
  test("is that of the vectors of Certificate Transparency", () => {
    let tree = emptyTree();
    expect(rootOf(tree)).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (const [index, leaf] of LEAVES.entries()) {
      tree = withLeaf(tree, leaf);
      expect(tree.size).toBe(index + 1);
      expect(rootOf(tree)).toBe(ROOTS[index]);
    }
  });

  test("is that of the definition for every size up to 64, grown at once, singly or after having been stored", () => {
    let grown = emptyTree();
    for (let size = 0; size <= 64; size += 1) {
      const leaves = leavesUpTo(size);
      const root = rootByDefinition(leaves);
      expect(rootOf(withLeaves(emptyTree(), leaves))).toBe(root);
      expect(rootOf(grown)).toBe(root);
      const stored: unknown = JSON.parse(JSON.stringify(grown));
      expect(stored).toEqual(grown);
      grown = withLeaf(stored as typeof grown, leavesUpTo(size + 1)[size]!);
    }
  });

  test("leaves the tree that it grew from as it was", () => {
    const three = withLeaves(emptyTree(), leavesUpTo(3));
    const before = structuredClone(three);
    withLeaf(three, LEAVES[0]!);
    expect(three).toEqual(before);
  });
});

describe("a proof of inclusion", () => {
  test("leads every leaf of every size up to 64 to the root", () => {
    for (let size = 1; size <= 64; size += 1) {
      const leaves = leavesUpTo(size);
      const root = rootByDefinition(leaves);
      for (const [index, leafHash] of leaves.entries()) {
        const path = inclusionProof(leaves, index);
        expect(path.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)));
        expect(rootByInclusion({ leafHash, index, size, path })).toBe(root);
      }
    }
  });

  test("leads nothing else there", () => {
    const leaves = leavesUpTo(13);
    const root = rootByDefinition(leaves);
    const path = inclusionProof(leaves, 5);
    const proof = { leafHash: leaves[5]!, index: 5, size: 13, path };
    expect(rootByInclusion(proof)).toBe(root);
    const changes = [
      { leafHash: leaves[6]! },
      { index: 4 },
      { index: -1 },
      { index: 13 },
      { path: path.slice(1) },
      { path: [...path, root] },
      { path: path.toReversed() },
      { path: [] },
    ];
    for (const change of changes) expect(rootByInclusion({ ...proof, ...change })).not.toBe(root);
  });
});
